"""Receivers on loopback: an HTTP server and an SMTP server that keep what they get."""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default as modern
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.test import override_settings

from notify.models import Endpoint
from notify.webhooks import new_secret


@dataclass
class Receiver:
    """What an endpoint got, and what it answers next: statuses in turn, then 200."""

    url: str = ""
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A real HTTP server."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.requests.append((dict(self.headers), body))
            status = kept.statuses.pop(0) if kept.statuses else 200
            self.send_response(status)
            if status in (301, 302, 307):
                self.send_header("Location", kept.url)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"seen")

        def log_message(self, *args: Any) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}/in?x=1"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield kept
    server.shutdown()
    server.server_close()


class Mailbox:
    """Keeps every mail; `refusals` are answered first."""

    def __init__(self) -> None:
        """Empty."""
        self.mails: list[EmailMessage] = []
        self.refusals: list[str] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Take a mail, or refuse it."""
        if self.refusals:
            return self.refusals.pop(0)
        mail: Any = BytesParser(policy=modern).parsebytes(envelope.content)
        self.mails.append(mail)
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A real SMTP server that the portal is configured to use."""
    kept = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(kept, hostname="127.0.0.1", port=port)
    controller.start()
    with override_settings(
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        PAYGATE_EMAIL_CONFIGURED=True,
        DEFAULT_FROM_EMAIL="PayGate <portal@example.org>",
    ):
        yield kept
    controller.stop()


def bodies(receiver: Receiver) -> list[dict[str, Any]]:
    """What arrived, parsed."""
    return [json.loads(body) for _, body in receiver.requests]


def endpoint(receiver: Receiver, *events: str, **more: Any) -> Endpoint:
    """An endpoint at the receiver."""
    fields = {"name": "shop", "url": receiver.url, "secret": new_secret(), **more}
    return Endpoint.objects.create(events=list(events), **fields)
