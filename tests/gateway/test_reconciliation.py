"""What each of a gateway's ledgers has that another lacks."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from billing.gateway import exports
from billing.gateway.reconcile import (
    Ambiguous,
    KeyHour,
    KeyTotals,
    Ledgers,
    Totals,
    Ways,
    WaysHour,
    reconcile,
)
from billing.models import GatewayConfig, PollGap, Source
from tests.gateway.conftest import gateway, import_golden, recorded
from tests.gateway.small import call, key, mask
from tests.gateway.story import post

pytestmark = pytest.mark.django_db
ZERO = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=30)


def at(minute: float) -> str:
    """A moment after ZERO, as gateways write it."""
    moment = ZERO + timedelta(minutes=minute)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def logged(number: int, minute: float, of: int = 1, **fields: Any) -> dict[str, Any]:
    """An entry of the request log."""
    return {
        "id": number,
        "timestamp": at(minute),
        "tool": "search",
        "key": mask(of),
        "status": "allowed",
        "credits": 1,
        "durationMs": 0,
    } | fields


def take(source: Source, kind: str, document: Any) -> None:
    """Import a document."""
    batch = exports.read_export(kind, json.dumps(document).encode(), datetime.now(UTC))
    exports.store_batch(source, batch)


def delivered(source: Source, *calls: dict[str, Any]) -> None:
    """A delivery of the webhook."""
    post(source, {"events": list(calls)})


def test_calls_that_the_webhook_or_the_export_lacks() -> None:
    source = gateway("gw")
    first, second, third, last = (call(at=at(minute)) for minute in (0, 10, 70, 130))
    early, late = call(at=at(-60)), call(at=at(200))
    twice = call(at=at(20))
    delivered(source, early, first, third, last, twice)
    take(source, "usage", {"events": [first, twice, twice, second, last, late]})
    found = reconcile(source)
    # Both cover 0 to 130: two by both and one of the twins; 70 by webhook alone; 10 and the other
    # twin by export alone. What only one of them covers is not compared.
    assert found.ways == Ways(ZERO, ZERO + timedelta(minutes=130), 3, 1, 2)
    assert found.ways_hours == [
        WaysHour(ZERO + timedelta(hours=1), 1, 0),
        WaysHour(ZERO, 0, 2),
    ]


def test_without_an_export_there_is_nothing_to_compare() -> None:
    source = gateway("gw")
    delivered(source, call(at=at(0)))
    found = reconcile(source)
    assert found.ways == Ways(None, None, 0, 0, 0)
    assert found.ledgers == Ledgers(None, None, 0, 0, 0, 0)
    assert found.ways_hours == []
    assert found.key_hours == []


def test_calls_that_the_meter_or_the_request_log_lacks() -> None:
    source = gateway("gw")
    backup = {"timestamp": at(-100), "data": {"keys": [key(1), key(2)], "groups": []}}
    take(source, "backup", backup)
    refund = call(at=at(6), creditsCharged=-1, denyReason="refund")
    denied = call(at=at(7), creditsCharged=0, allowed=False, denyReason="x")
    stranger = call(9, at=at(8))
    calls = [call(at=at(minute)) for minute in (0, 1, 2, 65)]
    take(source, "usage", {"events": [*calls[:3], refund, denied, stranger, *calls[3:]]})
    entries = [
        logged(1, 0),
        logged(2, 3),
        logged(3, 4, status="denied"),
        logged(4, 62, of=2),
        logged(5, 65),  # the last that both cover
        logged(6, 99),
    ]
    take(source, "requests", {"requests": entries[::-1]})
    found = reconcile(source)
    # Both cover 0 to 65. Key 1: 3 metered and 2 logged in the first hour, 1 and 1 in the second.
    # Key 2: a cache hit, logged alone. The stranger's call is of no known key.
    assert found.ledgers == Ledgers(ZERO, ZERO + timedelta(minutes=65), 3, 1, 1, 1)
    assert found.key_hours == [
        KeyHour(mask(2), ZERO + timedelta(hours=1), 0, 1),
        KeyHour(mask(1), ZERO, 3, 2),
    ]


def test_a_call_that_ends_in_the_next_hour_is_compared_in_its_own() -> None:
    source = gateway("gw")
    take(source, "backup", {"timestamp": at(-100), "data": {"keys": [key(1)], "groups": []}})
    take(source, "usage", {"events": [call(at=at(0)), call(at=at(59.9)), call(at=at(90))]})
    entries = [logged(1, 0), logged(2, 61, durationMs=66_000), logged(3, 90)]
    take(source, "requests", {"requests": entries[::-1]})
    found = reconcile(source)
    assert (found.ledgers.in_both, found.key_hours) == (3, [])


def test_records_that_say_more_than_the_calls() -> None:
    source = gateway("gw")
    keys = [
        key(1, totalSpent=5, totalCalls=4),
        key(2, totalSpent=1, totalCalls=1),
        key(3, totalSpent=0, totalCalls=0),
    ]
    take(source, "backup", {"timestamp": at(100), "data": {"keys": keys, "groups": []}})
    events = [call(at=at(1)), call(at=at(2)), call(2, at=at(3)), call(2, at=at(101))]
    events.append(call(at=at(4), creditsCharged=-1, denyReason="refund"))
    take(source, "usage", {"events": events})
    found = reconcile(source)
    # Key 1 by its calls: 1 + 1 - 1 credits, 2 - 1 calls. Key 2's second call is after the record.
    assert found.totals == Totals(3, 1, 4, 3)  # type: ignore[arg-type]  # a whole Decimal
    assert found.key_totals == [
        KeyTotals(mask(1), "key-1", 5, 1, 4, 1)  # type: ignore[arg-type]  # whole Decimals
    ]


def test_keys_that_look_alike_and_gaps_are_listed() -> None:
    source = gateway("gw")
    twins = [key(1, "a"), key(1, "b") | {"key": str(key(1)["key"])[:20] + "f" * 27 + "0001"}]
    assert len({str(twin["key"])[:10] for twin in twins}) == 1
    take(source, "backup", {"timestamp": at(0), "data": {"keys": twins, "groups": []}})
    PollGap.objects.create(source=source, resource="usage", reason="It restarted.")
    found = reconcile(source)
    prefix = str(key(1)["key"])[:10]
    assert [(a.prefix, a.name) for a in found.ambiguous] == [(prefix, "a"), (prefix, "b")]
    assert isinstance(found.ambiguous[0], Ambiguous)
    assert [(gap.resource, gap.missing) for gap in found.gaps] == [("usage", None)]


def test_the_recorded_gateway_agrees_with_itself_and_says_so_on_every_face(client: Client) -> None:
    source = gateway("gw")
    import_golden(source, recorded)
    with connection.cursor() as cursor:
        cursor.execute("analyze")
    out = StringIO()
    call_command("reconcile_paygate", "gw", "--days", "3650", stdout=out)
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    # 783 allowed calls are in both, of which none differs; no webhook came.
    assert "2026-01-05 09:27:28 2026-02-16 11:30:50 783 0 0 0" in lines
    assert "72 0 0 0" in lines
    client.force_login(User.objects.create_superuser("root", "root@example.org", "secret"))
    config = GatewayConfig.objects.get(source=source)
    page = client.get(f"/admin/billing/gatewayconfig/{config.pk}/reconciliation/?days=365")
    assert page.status_code == 200
    assert "Keys that look alike" in page.content.decode()


def test_a_source_that_is_no_gateway_is_refused() -> None:
    with pytest.raises(CommandError, match="there is no gateway 'default'"):
        call_command("reconcile_paygate", "default")
