"""A portal to follow the papers with, and somebody who follows them."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection

from billing.models import AdminToken
from billing.tokens import issue
from tests.docs.documents import ROOT

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
