"""The live view over a real database: who is let in, what is sent, who is counted."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connections
from django.db.models.functions import Now
from django.test import Client

from analytics import live
from analytics.models import LiveConnection
from paygate_site.asgi import application
from tests.access.phone import enrolled
from tests.builders import ask, received, send

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _closed_connections(committed_db: None) -> AsyncIterator[None]:
    """The application's thread keeps a connection, which would outlive the test database."""
    yield
    await sync_to_async(connections.close_all)()


def cookie_of(is_staff: bool) -> str:
    """The session cookie of a newly signed-in user."""
    name = uuid4().hex
    user = User.objects.create_user(name, f"{name}@example.org", "secret", is_staff=is_staff)
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


PATIENCE_SECONDS = 60  # for a slow machine; no test waits as long otherwise
MESSAGES = 30  # after so many, what has not come will not come

communicator: Any = ApplicationCommunicator  # asgiref leaves it without types


class Socket:
    """A browser's WebSocket, speaking ASGI to the application."""

    def __init__(self, scope: dict[str, Any]) -> None:
        """Of the application that serves the portal."""
        self._application = communicator(application, scope)

    async def connect(self) -> tuple[bool, int | None]:
        """Whether it was accepted, else the code."""
        await self._application.send_input({"type": "websocket.connect"})
        answer = await self.output()
        return answer["type"] == "websocket.accept", answer.get("code")

    async def output(self) -> dict[str, Any]:
        """What the server does next."""
        message: dict[str, Any] = await self._application.receive_output(PATIENCE_SECONDS)
        return message

    async def receive(self) -> str:
        """The next text."""
        message = await self.output()
        assert message["type"] == "websocket.send", message
        text: str = message["text"]
        return text

    async def disconnect(self) -> None:
        """Leave, and wait until the server has noticed."""
        await self._application.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._application.wait(PATIENCE_SECONDS)


def socket(cookie: str = "", path: str = "/ws/live/", origin: str = "http://localhost") -> Socket:
    """A browser's socket."""
    headers = [(b"origin", origin.encode()), (b"host", b"localhost")]
    if cookie:
        headers.append((b"cookie", f"sessionid={cookie}".encode()))
    scope = {"type": "websocket", "path": path, "query_string": b"", "headers": headers}
    return Socket({**scope, "subprotocols": []})


@asynccontextmanager
async def watching(cookie: str) -> AsyncIterator[Socket]:
    """An open socket, closed at the end."""
    browser = socket(cookie)
    assert (await browser.connect())[0]
    try:
        yield browser
    finally:
        await browser.disconnect()


async def figures(browser: Socket) -> dict[str, Any]:
    """The next message."""
    message: dict[str, Any] = json.loads(await browser.receive())
    return message


async def in_database(work: Callable[..., Any], *args: Any) -> Any:
    """Run database code from a test."""
    return await sync_to_async(work)(*args)


async def figures_with(browser: Socket, name: str, value: int) -> dict[str, Any]:
    """The first message that says so: a tick that began earlier may still say what was before."""
    for _ in range(MESSAGES):
        message = await figures(browser)
        if message[name] == value:
            return message
    pytest.fail(f"{name} has not become {value}")


async def closing_code(browser: Socket) -> int:
    """How the server closes, whatever it was about to send before."""
    for _ in range(MESSAGES):
        message = await browser.output()
        if message["type"] == "websocket.close":
            code: int = message["code"]
            return code
    pytest.fail("the socket stays open")


async def close_code(browser: Socket) -> int:
    """How the server closes a new socket."""
    await browser.connect()
    return await closing_code(browser)


async def test_staff_receive_the_realtime_report() -> None:
    cookie = await in_database(cookie_of, True)
    await in_database(send, received("p1", "2026-03-10T12:00:00Z"))
    async with watching(cookie) as browser:
        assert await figures(browser) == {
            "paymentsPerMinute": 0,
            "revenuePerHour": "0.000000",
            "pendingSettlements": 1,
            "activeConnections": 1,
        }


async def test_figures_follow_the_facts_every_two_seconds() -> None:
    cookie = await in_database(cookie_of, True)
    async with watching(cookie) as browser:
        assert (await figures(browser))["pendingSettlements"] == 0
        await in_database(send, received("p1", "2026-03-10T12:00:00Z"))
        await figures_with(browser, "pendingSettlements", 1)
    assert live.TICK_SECONDS == 2


async def test_a_stranger_is_told_to_sign_in() -> None:
    assert await close_code(socket()) == 4401


async def test_a_user_who_is_not_staff_is_refused() -> None:
    assert await close_code(socket(await in_database(cookie_of, False))) == 4403


async def test_another_sites_page_cannot_connect() -> None:
    cookie = await in_database(cookie_of, True)
    browser = socket(cookie, origin="https://evil.example")
    assert not (await browser.connect())[0]


async def test_other_paths_are_refused() -> None:
    browser = socket(path="/ws/other/")
    assert await browser.connect() == (False, 4404)


async def test_every_viewer_counts_until_it_leaves_and_one_computation_serves_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs: list[str] = []
    compute = live.realtime_json

    def numbered() -> str:
        runs.append("run")
        return json.dumps(json.loads(compute()) | {"run": len(runs)})

    monkeypatch.setattr(live, "realtime_json", numbered)
    cookie = await in_database(cookie_of, True)
    async with watching(cookie) as one:
        await figures(one)
        async with watching(cookie) as two, watching(cookie) as three:
            viewers = (one, two, three)
            seen = [await figures_with(viewer, "activeConnections", 3) for viewer in viewers]
            assert len({message["run"] for message in seen}) == 1
        assert await in_database(LiveConnection.objects.count) == 1
    assert await in_database(LiveConnection.objects.count) == 0


async def test_rows_of_a_process_that_died_do_not_count_and_are_swept() -> None:
    def leave_rows() -> None:
        LiveConnection.objects.create(
            id=uuid4(), process="dead", seen_at=Now() - timedelta(seconds=16)
        )
        LiveConnection.objects.create(id=uuid4(), process="alive", seen_at=Now())

    await in_database(leave_rows)
    cookie = await in_database(cookie_of, True)
    async with watching(cookie) as browser:
        assert (await figures(browser))["activeConnections"] == 2
    processes = LiveConnection.objects.values_list("process", flat=True)
    assert await in_database(list, processes) == ["alive"]


async def test_who_stops_being_staff_is_cut_off() -> None:
    cookie = await in_database(cookie_of, True)
    async with watching(cookie) as browser:
        await figures(browser)
        await in_database(lambda: User.objects.update(is_staff=False))
        assert await closing_code(browser) == 4403


async def test_a_figure_that_cannot_be_computed_closes_the_socket_to_reconnect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> str:
        raise RuntimeError("no figures")

    cookie = await in_database(cookie_of, True)
    async with watching(cookie) as browser:
        await figures(browser)
        monkeypatch.setattr(live, "realtime_json", broken)
        assert await closing_code(browser) == 1011
    monkeypatch.undo()
    async with watching(cookie) as browser:
        assert (await figures(browser))["activeConnections"] == 1


async def test_the_live_figures_are_the_reports() -> None:
    cookie = await in_database(cookie_of, True)
    await in_database(send, received("p1", "2026-03-10T12:00:00Z"))
    async with watching(cookie) as browser:
        sent = await figures(browser)
        report = await in_database(lambda: ask("realtime", as_of=""))
    assert sent == report


def factor_of(cookie: str) -> None:
    """Give the user of a session a second factor, as another window would."""
    user = User.objects.get(pk=Session.objects.get(pk=cookie).get_decoded()["_auth_user_id"])
    enrolled(user)


async def test_a_session_that_owes_its_second_factor_is_refused() -> None:
    cookie = await in_database(cookie_of, True)
    await in_database(factor_of, cookie)
    assert await close_code(socket(cookie)) == 4402


async def test_a_session_that_gave_it_watches_until_it_is_reset() -> None:
    def verified() -> str:
        user = User.objects.create_user("olga", password="secret", is_staff=True)
        phone, _ = enrolled(user)
        client = Client()
        client.force_login(user)
        client.post("/admin/second-factor/", {"code": phone.code()})
        return client.cookies["sessionid"].value

    cookie = await in_database(verified)
    async with watching(cookie) as browser:
        await figures(browser)
        await in_database(lambda: call_command("reset_second_factor", "olga", verbosity=0))
        assert await closing_code(browser) == 4402


async def test_who_sets_one_up_is_cut_off_in_other_windows() -> None:
    cookie = await in_database(cookie_of, True)
    async with watching(cookie) as browser:
        await figures(browser)
        await in_database(factor_of, cookie)
        assert await closing_code(browser) == 4402


async def test_it_is_refused_where_everybody_needs_one(settings: Any) -> None:
    settings.PAYGATE_REQUIRE_SECOND_FACTOR = True
    assert await close_code(socket(await in_database(cookie_of, True))) == 4402
