"""The report notifications."""

import json
from decimal import Decimal
from typing import Any

import pytest

from billing.gateway import exports, store
from billing.gateway.records import read_admin_event
from billing.models import ApiKey, CreditEntry, GatewayConfig
from tests.gateway.small import NOW, ask, call, denied, key, logged, mask, small_gateway

pytestmark = pytest.mark.django_db

TRANSFER = "key.credits_transferred"


def seen(answer: dict[str, Any], *names: str) -> list[tuple[Any, ...]]:
    """Members of each notification."""
    return [tuple(row[name] for name in names) for row in answer["notifications"]]


def test_notifications_come_by_severity_then_by_key() -> None:
    small_gateway(
        [
            key(1, suspended=True, expiresAt="2026-02-23T12:00:00Z"),
            key(2, credits=0, expiresAt="2026-02-16T12:00:00Z"),
            key(3, expiresAt="2026-02-17T12:00:00Z"),
            key(4, expiresAt="2026-02-17T12:00:00.001Z"),
            key(5, expiresAt="2026-02-23T12:00:00.001Z"),
            key(6, credits=0, suspended=True, active=False),
        ]
    )
    answer = ask("notifications")
    assert seen(answer, "severity", "category", "message", "keyName") == [
        ("critical", "key_expired", "Key has expired", "key-2"),
        ("critical", "zero_credits", "Key has zero credits remaining", "key-2"),
        ("critical", "key_expiring_soon", "Key expires within 24 hours", "key-3"),
        ("warning", "key_expiring_soon", "Key expires within 7 days", "key-1"),
        ("warning", "key_expiring_soon", "Key expires within 2 days", "key-4"),
        ("info", "key_suspended", "Key is suspended", "key-1"),
    ]
    assert answer["notifications"][2]["details"] == {
        "expiresAt": "2026-02-17T12:00:00Z",
        "hoursRemaining": 24,
    }
    assert answer["notifications"][3]["key"] == mask(1)
    assert (answer["total"], answer["critical"], answer["warning"], answer["info"]) == (6, 3, 2, 1)
    assert ask("notifications", severity="fatal")["notifications"] == []
    assert ask("notifications", severity="info")["total"] == 1


def test_keys_of_the_same_ten_characters_share_their_errors() -> None:
    secret = "pg_0000001" + "f" * 41
    calls = [denied(1, at=f"2026-02-16T10:00:0{n}.000Z") for n in range(5)]
    calls += [call(1, f"2026-02-16T10:00:1{n}.000Z") for n in range(5)]
    calls += [denied(2, at=f"2026-02-16T10:00:2{n}.000Z") for n in range(9)]
    calls += [denied(3, at=f"2026-02-16T10:00:3{n}.000Z") for n in range(3)]
    calls += [call(3, f"2026-02-16T10:00:4{n}.000Z") for n in range(9)]
    small_gateway([key(1), key(8, key=secret), key(2), key(3)], calls)
    answer = ask("notifications")
    assert seen(answer, "severity", "message", "keyName") == [
        ("critical", "50% error rate (5/10 denied)", "key-1"),
        ("critical", "50% error rate (5/10 denied)", "key-8"),
        ("warning", "25% error rate (3/12 denied)", "key-3"),
    ]
    assert answer["notifications"][2]["details"] == {
        "errorRate": 0.25,
        "totalCalls": 12,
        "totalDenied": 3,
    }


def test_a_key_that_uses_nine_tenths_of_its_minute_is_named() -> None:
    minute = [call(1, f"2026-02-16T11:59:{n:02}.000Z") for n in (0, *range(10, 18))]
    refund = call(1, "2026-02-16T11:59:30.000Z", creditsCharged=-1, denyReason="refund")
    one_more = call(1, "2026-02-16T11:59:40.000Z")
    source = small_gateway([key(1)], [*minute, refund, denied(1, at=NOW.isoformat())])
    GatewayConfig.objects.create(source=source, rate_limit_per_min=10)
    assert seen(ask("notifications"), "category") == []  # 11:59:00 is a minute ago
    exports.import_usage(source, json.dumps({"events": [one_more]}).encode())
    (only,) = ask("notifications")["notifications"]
    assert only["message"] == "90% rate limit utilization (9/10)"
    assert only["details"] == {"used": 9, "limit": 10, "remaining": 1}


def transfer(at: str, sender: int, credits: Any) -> dict[str, Any]:
    """What a transfer away from key(sender) is logged with."""
    metadata = {"fromKeyMasked": mask(sender), "toKeyMasked": mask(99), "credits": credits}
    return {"timestamp": at, "metadata": metadata}


def test_credits_deplete_by_transfers_that_two_books_tell_of_once() -> None:
    at = "2026-02-16T08:00:00.000Z"
    source = small_gateway(
        [key(1, credits=10), key(2, credits=48), key(3, credits=100), key(4)],
        [call(4, creditsCharged=90)],
        [
            logged(1, TRANSFER, **transfer(at, 1, 8)),  # 8 in 4 hours: 2 an hour, 5 hours left
            logged(2, TRANSFER, **transfer("2026-02-16T02:00:00.000Z", 2, 10)),
            logged(3, TRANSFER, **transfer(at, 2, 2)),  # 12 in 6 hours, 24 hours left
            logged(4, TRANSFER, **transfer(at, 3, "ten")),
            logged(5, TRANSFER, **transfer("2026-02-15T11:59:59.000Z", 3, 1000)),
        ],
    )
    told = [transfer("2026-02-16T08:00:00.002Z", 1, 8), transfer(at, 3, 4)]  # 1 an hour, 100 left
    store.store_delivered(
        source.pk, [], [read_admin_event({"type": TRANSFER} | event) for event in told]
    )
    answer = ask("notifications")
    assert seen(answer, "severity", "keyName", "message") == [
        ("critical", "key-1", "Credits will deplete in ~5 hours at current rate"),
        ("warning", "key-2", "Credits will deplete in ~24 hours at current rate"),
    ]
    assert answer["notifications"][0]["details"] == {
        "credits": 10,
        "creditsPerHour": 2,
        "estimatedHoursRemaining": 5,
    }


def test_the_ledger_of_a_key_issued_here_tells_of_its_transfers_not_of_its_charges() -> None:
    source = small_gateway()
    made = ApiKey.objects.create(
        source=source,
        is_issued_here=True,
        digest="d" * 64,
        prefix="pg_0000009",
        mask="pg_0000...0009",
        name="ours",
        created_at=NOW,
    )
    lines = [("grant", 100, 0), ("charge", -60, 100), ("transfer_out", -20, 40)]
    for kind, amount, before in lines:
        CreditEntry.objects.create(
            key=made,
            at=NOW.replace(hour=8),
            kind=kind,
            amount=Decimal(amount),
            balance_before=Decimal(before),
            balance_after=Decimal(before + amount),
        )
    (only,) = ask("notifications")["notifications"]
    assert only["details"] == {"credits": 20, "creditsPerHour": 5, "estimatedHoursRemaining": 4}
