"""Clients of the API as tests need them."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from billing.models import AdminToken, Source
from billing.tokens import issue

EVENTS = "/api/v1/events/"
PAYER = "0xAbCdEf0123456789aBcDeF0123456789abcdef01"
PAYEE = "0x1111111111111111111111111111111111111111"
START = 1_767_225_600_000  # 2026-01-01T00:00:00Z


@dataclass
class Caller:
    """An HTTP client that sends one token with every request."""

    secret: str
    client: Client = field(default_factory=Client)

    def get(self, path: str, **query: Any) -> Any:
        """GET with query parameters."""
        return self.client.get(path, query, headers=self._headers())

    def send(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Any other method with a JSON body."""
        return self.client.generic(
            method,
            path,
            body if isinstance(body, bytes) else json.dumps(body).encode(),
            content_type=options.pop("content_type", "application/json"),
            headers={**self._headers(), **options.pop("headers", {})},
            **options,
        )

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        """POST."""
        return self.send("POST", path, body, **options)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"} if self.secret else {}


def token_of(role: str = "viewer", **fields: Any) -> str:
    """The secret of a new token."""
    return issue(AdminToken(name="a test's", role=role, **fields))


def caller(role: str = "viewer", **fields: Any) -> Caller:
    """A client with a new token."""
    return Caller(token_of(role, **fields))


def source(slug: str = "default", **fields: Any) -> Source:
    """A producer."""
    return Source.objects.update_or_create(slug=slug, defaults=fields)[0]


def received(payment: str, at: int = START, **data: Any) -> dict[str, Any]:
    """A payment that begins on Base."""
    return {
        "type": "payment:received",
        "data": {
            "paymentId": payment,
            "payer": PAYER,
            "payee": PAYEE,
            "amount": "1.5",
            "network": "eip155:8453",
            "timestamp": at,
            **data,
        },
    }


def settled(payment: str, at: int = START + 2000, **data: Any) -> dict[str, Any]:
    """A payment that settles."""
    return {
        "type": "payment:settled",
        "data": {"paymentId": payment, "fee": "0.01", "timestamp": at, **data},
    }


def failed(payment: str, at: int = START + 2000, **data: Any) -> dict[str, Any]:
    """A payment that fails."""
    return {
        "type": "payment:failed",
        "data": {"paymentId": payment, "error": "boom", "timestamp": at, **data},
    }


def deliver(*events: dict[str, Any], to: str = "default") -> None:
    """Post events to a source; all must be accepted."""
    poster = caller("", can_ingest=True, source=source(to))
    answer = poster.post(EVENTS, list(events)).json()
    assert answer["accepted"] == len(events), answer


def problem_of(response: Any, status: int) -> str:
    """The code of an answer that must be a well-formed problem."""
    body = json.loads(response.content)
    assert response.status_code == status, body
    assert response["Content-Type"] == "application/problem+json"
    assert body["status"] == status
    assert body["type"] == "about:blank"
    assert body["title"]
    assert body["detail"]
    code: str = body["code"]
    return code
