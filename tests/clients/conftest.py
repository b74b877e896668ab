"""A facilitator of the real SDK with a mechanism that needs no chain."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from x402.schemas import (
    PaymentPayload,
    PaymentRequirements,
    ResourceInfo,
    SettleResponse,
    VerifyResponse,
)

BASE = "eip155:8453"
USDC = "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"
PAYER = "0xAbCdEf0123456789aBcDeF0123456789abcdef01"
PAYEE = "0x1111111111111111111111111111111111111111"


@dataclass
class Mechanism:
    """Settles as its `answers` say: an error reason, an exception, or "" for success."""

    answers: list[str | Exception] = field(default_factory=list)
    valid: bool = True
    scheme: str = "exact"
    caip_family: str = "eip155:*"

    def get_extra(self, network: str) -> None:
        """None."""

    def get_signers(self, network: str) -> list[str]:
        """None."""
        return []

    def verify(self, payload: Any, requirements: Any, context: Any = None) -> VerifyResponse:
        """Valid, or not for lack of money."""
        reason = None if self.valid else "insufficient_funds"
        return VerifyResponse(is_valid=self.valid, invalid_reason=reason, payer=PAYER)

    def settle(self, payload: Any, requirements: Any, context: Any = None) -> SettleResponse:
        """The next answer; the transaction is named whatever it is."""
        answer = self.answers.pop(0) if self.answers else ""
        if isinstance(answer, Exception):
            raise answer
        return SettleResponse(
            success=not answer,
            error_reason=answer or None,
            payer=PAYER,
            transaction="0xfeed",
            network=BASE,
        )


def requirements(amount: str = "1500000") -> PaymentRequirements:
    """1.5 USDC on Base."""
    return PaymentRequirements(
        scheme="exact",
        network=BASE,
        asset=USDC,
        amount=amount,
        pay_to=PAYEE,
        max_timeout_seconds=60,
    )


def payment(nonce: str) -> PaymentPayload:
    """An authorization with a nonce."""
    authorization = {"from": PAYER, "to": PAYEE, "value": "1500000", "nonce": nonce}
    return PaymentPayload(
        payload={"signature": "0x5151", "authorization": authorization},
        accepted=requirements(),
        resource=ResourceInfo(url="https://shop.example/weather"),
    )


@dataclass
class Portal:
    """An events door that answers statuses in turn, then takes everything."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    poison: str = ""  # a batch with this text is malformed
    hold: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def portal() -> Iterator[Portal]:
    """A real HTTP server."""
    kept = Portal()
    kept.hold.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.hold.wait(30)
            status = kept.statuses.pop(0) if kept.statuses else 200
            if kept.poison and kept.poison in body.decode():
                status = 400
            if status == 200:
                kept.events.extend(json.loads(body))
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: Any) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield kept
    kept.hold.set()
    server.shutdown()
    server.server_close()
