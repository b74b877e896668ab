"""The README's snippets, run in their order against a web server of our own."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection

from billing.models import AdminToken, Payment
from billing.tokens import issue
from tests.docs.documents import ROOT, blocks

README = "README.md"
READY_SECONDS = 30


def database_url() -> str:
    """The test database, as another process reaches it."""
    given = connection.settings_dict
    login = quote(f"{given['USER']}", safe="")
    if given["PASSWORD"]:
        login += ":" + quote(f"{given['PASSWORD']}", safe="")
    host, port = f"{given['HOST']}", f"{given['PORT'] or 5432}"
    if host.startswith("/") or not host:
        where = f"?host={quote(host)}" if host else ""
        return f"postgresql://{login}@/{given['NAME']}{where}"
    return f"postgresql://{login}@{host}:{port}/{given['NAME']}"


@pytest.fixture
def portal(committed_db: None, tmp_path: Path) -> Iterator[str]:
    """The address of a web server on the test database."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        own = {"DATABASE_URL": database_url(), "PAYGATE_DB_POOL": "2"}
        command = ["-m", "uvicorn", "paygate_site.asgi:application", "--log-level", "warning"]
        with (tmp_path / "web.log").open("wb") as log:
            server = subprocess.Popen(
                [sys.executable, *command, "--fd", f"{listening.fileno()}"],
                cwd=ROOT,
                env=os.environ | own,
                pass_fds=[listening.fileno()],
                stdout=log,
                stderr=log,
            )
        try:  # the socket listens already: what comes before the server is up waits in it
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.terminate()
            server.wait(READY_SECONDS)


@pytest.fixture
def session(portal: str) -> dict[str, str]:
    """The environment of somebody who follows the README, with the token that was printed."""
    token = AdminToken(name="bootstrap", role="admin", can_ingest=True)
    return os.environ | {"PORTAL": portal, "TOKEN": issue(token)}


def snippets(language: str) -> list[str]:
    """The README's blocks of a language that talk to the portal."""
    return [text for kind, text in blocks(README) if kind == language and "PORTAL" in text]


def answers() -> list[Any]:
    """The README's blocks of JSON."""
    return [json.loads(text) for kind, text in blocks(README) if kind == "json"]


def run(command: list[str], environment: dict[str, str]) -> Any:
    """What a command printed, as JSON."""
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def shell(text: str, environment: dict[str, str]) -> Any:
    """What a shell snippet printed, as JSON."""
    return run(["bash", "-euc", text], environment)


@pytest.mark.skipif(shutil.which("curl") is None, reason="this machine has no curl")
def test_an_event_is_sent_and_its_figure_read_back(session: dict[str, str]) -> None:
    exports, send, read, *_ = snippets("sh")
    receipt, figures, *_ = answers()
    assert [line.partition("=")[0] for line in exports.splitlines()] == [
        "export PORTAL",
        "export TOKEN",
    ]
    fixed = send.replace("NOW=$(date +%s)000", "")
    now = {"NOW": subprocess.check_output(["date", "+%s000"], text=True).strip()}
    assert shell(fixed, session | now) == receipt
    again = shell(fixed, session | now)
    assert (again["accepted"], again["duplicate"]) == (0, 1)
    assert shell(read, session) == figures
    assert list(shell(read, session)) == list(figures)


@pytest.mark.skipif(shutil.which("curl") is None, reason="this machine has no curl")
def test_the_snippet_that_sends_runs_as_it_stands(session: dict[str, str]) -> None:
    assert shell(snippets("sh")[1], session)["accepted"] == 1
    assert Payment.objects.get().status == "settled"


@pytest.mark.skipif(shutil.which("curl") is None, reason="this machine has no curl")
def test_a_source_gets_its_secret_and_signs(session: dict[str, str]) -> None:
    made = shell(snippets("sh")[3], session)
    assert (made["slug"], made["has_signing_secret"]) == ("shop", True)
    (signed,) = snippets("python")
    secret = session | {"SECRET": "change-me"}
    assert run([sys.executable, "-c", signed], secret)["accepted"] == 1
    payment = Payment.objects.select_related("source").get()
    assert (payment.source.slug, payment.status) == ("shop", "verified")


@pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("openssl") is None,
    reason="this machine has no curl or no openssl",
)
def test_a_gateway_delivers_and_its_scripts_ask_the_portal(session: dict[str, str]) -> None:
    make, send, read = snippets("sh")[4:]
    receipt, ranking = answers()[2:]
    given = session | {"SECRET": "change-me", "ADMIN_KEY": "the-admin-key"}
    made = shell(make, session)
    assert (made["slug"], made["kind"], made["has_admin_key"]) == ("mcp", "paygate", True)
    assert shell(send, given) == receipt
    answer = shell(read, given)
    assert list(answer) == [*ranking, "generatedAt"]
    assert {name: answer[name] for name in ranking} == ranking
