"""A small gateway by hand: its keys, calls and log entries, and a question to the portal."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from analytics.registry import Family, find_report
from billing.api.renderers import exact_json
from billing.gateway import exports
from billing.models import Source
from tests.gateway.conftest import gateway

NOW = datetime(2026, 2, 16, 12, tzinfo=UTC)
NOON = "2026-02-16T12:00:00.000Z"


def small_gateway(
    keys: Iterable[dict[str, Any]] = (),
    calls: Iterable[dict[str, Any]] = (),
    audit: Iterable[dict[str, Any]] = (),
    slug: str = "small",
) -> Source:
    """A gateway that exported these, oldest first."""
    source = gateway(slug)
    backup = {"timestamp": NOON, "data": {"keys": list(keys), "groups": []}}
    exports.import_backup(source, json.dumps(backup).encode())
    exports.import_usage(source, json.dumps({"events": list(calls)}).encode())
    exports.import_audit(source, json.dumps({"events": list(audit)}).encode())
    return source


def key(number: int, name: str = "", **fields: Any) -> dict[str, Any]:
    """A key record; keys of different numbers share nothing."""
    return {
        "key": f"pg_{number:07x}" + f"{number:041x}",
        "name": name or f"key-{number}",
        "credits": 100,
        "totalSpent": 0,
        "totalCalls": 0,
        "createdAt": "2026-02-01T12:00:00.000Z",
        "lastUsedAt": None,
        "active": True,
        "expiresAt": None,
    } | fields


def mask(number: int) -> str:
    """The mask of key(number)."""
    secret = str(key(number)["key"])
    return f"{secret[:7]}...{secret[-4:]}"


def call(number: int = 1, at: str = "2026-02-16T10:00:00.000Z", **fields: Any) -> dict[str, Any]:
    """An allowed call of key(number) for one credit."""
    return {
        "timestamp": at,
        "apiKey": f"pg_{number:07x}",
        "keyName": f"key-{number}",
        "tool": "search",
        "creditsCharged": 1,
        "allowed": True,
    } | fields


def denied(number: int = 1, reason: str = "rate_limited: 5", **fields: Any) -> dict[str, Any]:
    """A call that was denied."""
    refusal: dict[str, Any] = {"allowed": False, "creditsCharged": 0, "denyReason": reason}
    return call(number, **(refusal | fields))


def logged(
    number: int, kind: str, at: str = "2026-02-16T10:00:00.000Z", **fields: Any
) -> dict[str, Any]:
    """An entry of the audit log."""
    return {
        "id": number,
        "timestamp": at,
        "type": kind,
        "actor": "admin",
        "message": f"entry {number}",
        "metadata": {},
    } | fields


def ask(slug: str, **query: str) -> Any:
    """What the portal says of the small gateway at NOW."""
    asked = {"source": "small", "as_of": NOW.isoformat(), **query}
    return json.loads(exact_json(find_report(slug, Family.GATEWAY).answer(asked).data))
