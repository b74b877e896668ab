"""A small gateway's life, as its webhook, its exports and its backups tell it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from billing.gateway import exports
from billing.gateway.webhook import take_delivery
from billing.models import Source
from tests.gateway.hook import call, happened

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
Delivery = dict[str, list[dict[str, Any]]]


def at(second: float) -> str:
    """A moment of the story, as gateways write it."""
    moment = START + timedelta(seconds=second)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def secret(stem: str, end: str) -> str:
    """A key: seven hexadecimal digits, zeros, and the last four."""
    return f"pg_{stem}{'0' * 37}{end}"


def mask(key: str) -> str:
    """The key as gateways show it."""
    return f"{key[:7]}...{key[-4:]}"


def used(key: str, name: str, second: float, **changes: Any) -> dict[str, Any]:
    """A metered call of a key."""
    return call(at(second), apiKey=key[:10], keyName=name, **changes)


def record(key: str, name: str, second: float, figures: str, **more: Any) -> dict[str, Any]:
    """A key record of a backup; the figures are credits, spent and calls."""
    credits, spent, calls = (int(figure) for figure in figures.split())
    return {
        "key": key,
        "name": name,
        "credits": credits,
        "totalSpent": spent,
        "totalCalls": calls,
        "createdAt": at(second),
        "lastUsedAt": None,
        "active": True,
        "namespace": "acme",
    } | more


A, B, C, D = (secret(stem * 7, f"{n}{n}{n}{n}") for n, stem in enumerate("abcd"))

CALLS = [
    used(A, "one", 3),
    used(A, "one", 3),
    used(B, "two", 10, creditsCharged=5),
    used(B, "two", 10, creditsCharged=-5, denyReason="refund"),
    used(D, "one", 12, creditsCharged=7),
    used(A, "unknown", 14, creditsCharged=0, allowed=False, denyReason="invalid_api_key"),
]
EVENTS = [
    happened("key.created", at(1), keyMasked=mask(A), name="one", credits=100),
    happened("key.created", at(2), keyMasked=mask(B), name="two", credits=50),
    happened(
        "key.cloned",
        at(4),
        sourceKeyMasked=mask(A),
        newKeyMasked=mask(C),
        name="copy",
        credits=30,
    ),
    happened("key.topup", at(5), keyMasked=mask(A), creditsAdded=10, newBalance=106),
    happened(
        "key.credits_transferred",
        at(6),
        fromKeyMasked=mask(A),
        toKeyMasked=mask(B),
        credits=20,
    ),
    happened("key.suspended", at(7), keyMasked=mask(B), reason=None),
    happened("key.resumed", at(8), keyMasked=mask(B)),
    happened("key.suspended", at(9), keyMasked=mask(C)),
    happened("key.rotated", at(11), oldKeyMasked=mask(A), newKeyMasked=mask(D)),
    happened("key.auto_topped_up", at(12), keyMasked=mask(D), creditsAdded=3, newBalance=82),
    happened("key.revoked", at(13), keyMasked=mask(B)),
]
DELIVERIES: list[Delivery] = [
    {"events": CALLS[:2], "adminEvents": EVENTS[:1]},
    *({"events": [item]} for item in CALLS[2:]),
    *({"adminEvents": [item]} for item in EVENTS[1:]),
]
# Balance, spent, calls, active, suspended: A 100 - 2*2 + 10 - 20; D as A was, -7 +3.
END = {
    mask(A): ("one", 86, 4, 2, False, False),
    mask(B): ("two", 70, 0, 0, False, False),
    mask(C): ("copy", 30, 0, 0, True, True),
    mask(D): ("one", 82, 11, 3, True, False),
}
MIDDLE_BACKUP = (
    8.5,
    [
        record(A, "one", 1, "86 4 2", lastUsedAt=at(3)),
        record(B, "two", 2, "70 0 0", suspended=False),
        record(C, "copy", 4, "30 0 0"),
    ],
)
END_BACKUP = (
    20.0,
    [
        record(A, "one", 1, "86 4 2", lastUsedAt=at(3), active=False),
        record(B, "two", 2, "70 0 0", lastUsedAt=at(10), active=False, suspended=False),
        record(C, "copy", 4, "30 0 0", suspended=True),
        record(D, "one", 1, "82 11 3", lastUsedAt=at(12)),
    ],
)


def back_up(source: Source, moment: float, keys: list[dict[str, Any]]) -> None:
    """Import a backup taken at a moment of the story."""
    document = {"timestamp": at(moment), "data": {"keys": keys}}
    exports.import_backup(source, json.dumps(document).encode())


def export(source: Source, calls: list[dict[str, Any]]) -> None:
    """Import the usage meter as exported."""
    shown = [event | {"apiKey": event["apiKey"] + "..."} for event in calls]
    exports.import_usage(source, json.dumps({"events": shown}).encode())


def post(source: Source, delivery: Delivery, is_retry: bool = False) -> None:
    """Take in a delivery of the webhook."""
    take_delivery(source, json.dumps({"sentAt": at(30), **delivery}).encode(), is_retry)


def dump(source: Source) -> dict[str, list[Any]]:
    """All that is known of a gateway's keys and calls, without what only counts rows."""
    with connection.cursor() as cursor:
        found = {}
        for name, statement in _DUMPS.items():
            cursor.execute(statement, [source.pk])
            found[name] = cursor.fetchall()
    return found


_DUMPS = {
    "keys": """
        select (to_jsonb(k) - 'id' - 'source_id')::text from billing_apikey k
        where source_id = %s order by 1""",
    "usage": """
        select u.content_hash::text, u.ordinal, u.rank, u.at, u.credits, k.mask, k.prefix
        from billing_usageevent u left join billing_apikey k on k.id = u.key_id
        where u.source_id = %s order by 1, 2""",
}
