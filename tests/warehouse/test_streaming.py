"""An export is sent while it is read, as the site is served, and leaves nothing behind."""

import threading
import time
from datetime import UTC, date, datetime
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.db import connection, connections

from analytics.exports import streaming
from analytics.exports.kinds import KINDS
from analytics.exports.reading import AT_ONCE, Wanted, reading
from paygate_site.asgi import django as django_by_asgi
from tests.api.callers import token_of
from tests.warehouse.calls import calls

URL = "/api/v1/exports/"
LATER = datetime(2026, 2, 1, tzinfo=UTC)
committed = pytest.mark.usefixtures("committed_db", "no_kept_connections")


@pytest.fixture
def no_kept_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the site, whose requests have a thread each."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)


def _wanted(kind: str) -> Wanted:
    return Wanted(KINDS[kind], date(2026, 1, 1), date(2026, 1, 1), LATER)


@pytest.mark.django_db
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_it_begins_before_all_is_read(form: str) -> None:
    """The server keeps the rest: its cursor is open when the first piece comes."""
    calls("2026-01-01T10:00:00Z", 2 * AT_ONCE + 1)
    sizes = []
    file = streaming.pieces(_wanted("calls"), form)
    sizes.append(len(next(file)))
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_cursors where not is_holdable")
        assert cursor.fetchone() == (1,)
    sizes += [len(piece) for piece in file]
    assert max(sizes) < 0.6 * sum(sizes)
    assert len([size for size in sizes if size]) >= 3


@pytest.mark.django_db
def test_it_is_read_only() -> None:
    with reading(_wanted("payments")), connection.cursor() as cursor:
        cursor.execute("show transaction_read_only")
        assert cursor.fetchone() == ("on",)
        cursor.execute("show idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("1min",)


class Conversation:
    """One request to the site, as a server asks it."""

    def __init__(self, path: str, query: str, secret: str) -> None:
        communicator: Any = ApplicationCommunicator  # asgiref leaves it without types
        headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {secret}".encode())]
        scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode()}
        self.site = communicator(django_by_asgi, scope | {"headers": headers})

    async def begun(self) -> dict[str, Any]:
        """The head of its answer."""
        await self.site.send_input({"type": "http.request", "body": b"", "more_body": False})
        return await self._next()

    async def piece(self) -> bytes | None:
        """The next piece, None after the last."""
        message = await self._next()
        return message["body"] if message.get("more_body") else None

    async def leave(self) -> None:
        """Hang up."""
        await self.site.send_input({"type": "http.disconnect"})
        await self.site.wait(20)

    async def _next(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.site.receive_output(20)
        return found


def opened() -> int:
    """Connections of this database that are in a transaction, but for this one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and state like 'idle in transaction%'"
        )
        found: int = cursor.fetchone()[0]
    return found


def export_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("export")]


def soon(is_so: Any) -> bool:
    deadline = time.monotonic() + 20
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(is_so())


@committed
def test_asgi_sends_what_the_command_would_write_and_lets_go() -> None:
    calls("2026-01-01T10:00:00Z", AT_ONCE + 1)

    async def asked(secret: str) -> tuple[dict[str, Any], list[bytes]]:
        talk = Conversation(f"{URL}calls/", "from=2026-01-01", secret)
        head, pieces = await talk.begun(), []
        while (piece := await talk.piece()) is not None:
            pieces.append(piece)
        return head, pieces

    head, pieces = async_to_sync(asked)(token_of("finance"))
    assert head["status"] == 200
    assert len([piece for piece in pieces if piece]) > 1
    assert b"".join(pieces) == b"".join(streaming.pieces(_wanted("calls"), "csv"))
    assert b"".join(pieces).count(b"\r\n") == AT_ONCE + 2
    assert soon(lambda: not export_threads() and not opened())
    assert not streaming.is_full()


@committed
def test_who_hangs_up_leaves_no_transaction_behind() -> None:
    calls("2026-01-01T10:00:00Z", 3 * AT_ONCE)

    async def asked(secret: str) -> int:
        talk = Conversation(f"{URL}calls/", "from=2026-01-01", secret)
        await talk.begun()
        assert await talk.piece()
        running = streaming._running
        await talk.leave()
        return running

    assert async_to_sync(asked)(token_of("finance")) == 1
    assert soon(lambda: streaming._running == 0 and not export_threads() and not opened())
