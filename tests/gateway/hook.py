"""Posting to the webhook receiver as a gateway does, and small things it posts."""

import hashlib
import hmac
import json
import threading
import time
from typing import Any, cast

from django.test import Client

from tests.gateway.conftest import recorded

SECRET = "FAKE-webhook-secret"
_LOCAL = threading.local()
DELIVERIES = [json.loads(line) for line in recorded("webhooks.jsonl").splitlines()]


def deliver(
    body: bytes | dict[str, Any],
    slug: str = "gw",
    secret: str = SECRET,
    retry: int = 0,
    slash: str = "",
    more: dict[str, str] | None = None,
) -> Any:
    """The answer to one delivery, signed now unless the secret is empty."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = dict(more or {})
    if secret:
        headers.setdefault("X-PayGate-Signature", signed(raw, secret))
    if retry:
        headers["X-PayGate-Retry"] = str(retry)
    return client().post(
        f"/hooks/paygate/{slug}{slash}", raw, content_type="application/json", headers=headers
    )


def client() -> Client:
    """This thread's caller; a new one would load the middleware each time."""
    if not hasattr(_LOCAL, "client"):
        _LOCAL.client = Client(raise_request_exception=False)
    return cast(Client, _LOCAL.client)


def signed(body: bytes, secret: str = SECRET, age: int = 0) -> str:
    """The signature's header as the gateway makes it."""
    moment = int(time.time()) - age
    mac = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256)
    return f"t={moment},v1={mac.hexdigest()}"


def call(at: str = "2026-01-05T09:00:00.000Z", **changes: Any) -> dict[str, Any]:
    """A usage event."""
    return {
        "timestamp": at,
        "apiKey": "pg_aaaa111",
        "keyName": "one",
        "tool": "search",
        "creditsCharged": 2,
        "allowed": True,
        "namespace": "acme",
    } | changes


def happened(kind: str, at: str = "2026-01-05T08:00:00.000Z", **metadata: Any) -> dict[str, Any]:
    """An admin event."""
    return {"type": kind, "timestamp": at, "actor": "admin", "metadata": metadata}


def created(mask: str = "pg_aaaa...0001", name: str = "one", credits: int = 100) -> dict[str, Any]:
    """The admin event that makes a key."""
    return happened("key.created", keyMasked=mask, name=name, credits=credits)
