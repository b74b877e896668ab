"""Metered calls rolled up say what the calls themselves say, whatever is folded and when."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from analytics.models import UsageQuarter, UsageTotal
from analytics.usage import fold_usage
from analytics.verify_usage import usage_mismatches, verify_usage
from billing.gateway.records import Call, read_call
from billing.gateway.store import placed, store_delivered, store_exported_calls
from billing.models import Source

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
REASONS = [None, None, None, "insufficient_credits", "rate_limited: 3 calls/min exceeded", ""]
SUMS = """
select part, label, calls, allowed, denied, rate_limited, credits, first, first_allowed
from gateway_sums(%(sources)s, %(start)s, %(end)s, %(namespace)s) order by 1, 2
"""
HOURS = """
select hour, calls, allowed, denied, refused, rate_limited, quota_denied, credits
from gateway_hours(%(sources)s, %(start)s, %(end)s, %(namespace)s, %(zone)s) order by 1
"""
RAW_HOURS = """
select date_trunc('hour', date_bin('15 minutes', at, '1970-01-01 00:00:00+00'), %(zone)s),
    count(*), count(*) filter (where allowed), count(*) filter (where not allowed),
    count(*) filter (where not allowed and deny_reason <> ''),
    count(*) filter (where not allowed and strpos(deny_reason, 'rate_limited') > 0), 0,
    coalesce(sum(credits) filter (where allowed), 0)
from gateway_calls(%(sources)s, %(start)s, %(end)s)
where %(namespace)s::text is null or namespace = %(namespace)s
group by 1 order by 1
"""
RAW_NAMES = """
select name, count(*), coalesce(sum(credits) filter (where allowed), 0), min(rank)
from gateway_calls(%(sources)s, %(start)s, %(end)s)
where %(namespace)s::text is null or namespace = %(namespace)s
group by 1 order by 1
"""

REFUSALS = """
select part, label, category, calls, first
from gateway_refusals(%(sources)s, %(start)s, %(end)s) order by 1, 2, 3
"""
RAW_REFUSALS = """
select l.part, l.label, gateway_denial(c.deny_reason), count(*), min(c.rank)
from gateway_calls(%(sources)s, %(start)s, %(end)s) c
cross join lateral (values ('all', ''), ('name', c.name), ('tool', c.tool)) l (part, label)
where not c.allowed and c.deny_reason <> ''
group by 1, 2, 3 order by 1, 2, 3
"""
TOOLS = """
select name, tools, first from gateway_name_tools(%(sources)s, %(start)s, %(end)s) order by 1
"""
RAW_TOOLS = """
select name, array_agg(distinct tool), min(rank)
from gateway_calls(%(sources)s, %(start)s, %(end)s)
where allowed and tool <> ''
group by 1 order by 1
"""


def calls(rng: random.Random, count: int) -> list[Call]:
    """Calls of three weeks, several in some milliseconds."""
    records = []
    for _ in range(count):
        reason = rng.choice(REASONS)
        moment = NOW - timedelta(seconds=rng.randrange(21 * 86_400 // 40) * 40)
        records.append(
            {
                "timestamp": moment.isoformat(),
                "apiKey": f"pg_{rng.randrange(9):07x}",
                "keyName": rng.choice(["", "ann", "bob", "2024"]),
                "tool": rng.choice(["search", "__proto__", "7"]),
                "creditsCharged": 0 if reason else rng.randrange(5),
                "allowed": reason is None,
                "denyReason": reason,
                "namespace": rng.choice([None, "", "acme", "default"]),
            }
        )
    return placed(read_call(record) for record in records)


def rows(sql: str, **asked: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, asked)
        return list(cursor.fetchall())


WINDOWS: list[dict[str, Any]] = [
    {"start": None, "end": NOW + timedelta(seconds=1)},
    {"start": None, "end": NOW - timedelta(days=3, minutes=7, microseconds=1)},
    {"start": NOW - timedelta(days=9, minutes=1, seconds=20), "end": NOW - timedelta(hours=5)},
    {"start": NOW - timedelta(minutes=11), "end": NOW - timedelta(minutes=3)},
    {"start": NOW - timedelta(days=1), "end": NOW - timedelta(days=1)},
]


def check() -> None:
    """Every window, zone and namespace says what the calls say."""
    for window in WINDOWS:
        for zone, namespace in (("UTC", None), ("Asia/Kathmandu", "acme")):
            asked = {"sources": None, "zone": zone, "namespace": namespace, **window}
            assert rows(HOURS, **asked) == rows(RAW_HOURS, **asked)
            names = [(r[1], r[2], r[6], r[7]) for r in rows(SUMS, **asked) if r[0] == "name"]
            assert names == rows(RAW_NAMES, **asked)
        for sources in (None, list(Source.objects.values_list("pk", flat=True))[:1]):
            asked = {"sources": sources, **window}
            assert rows(REFUSALS, **asked) == rows(RAW_REFUSALS, **asked)
            assert rows(TOOLS, **asked) == rows(RAW_TOOLS, **asked)


@pytest.mark.parametrize("seed", range(3))
def test_folding_changes_nothing_that_is_read(seed: int) -> None:
    rng = random.Random(seed)
    source = Source.objects.create(slug="g", kind="paygate")
    made = calls(rng, 400)
    store_delivered(source.pk, made[:250], [])
    check()
    assert fold_usage() > 0
    check()
    store_delivered(source.pk, made[250:], [])
    check()
    assert usage_mismatches() == 0
    fold_usage()
    check()
    assert fold_usage() == 0
    assert usage_mismatches() == 0


@pytest.mark.parametrize("reason", [None, "insufficient_credits"])
def test_an_export_that_corrects_the_order_corrects_who_came_first(reason: str | None) -> None:
    source = Source.objects.create(slug="g", kind="paygate")
    at = "2026-01-20T10:00:00.000Z"
    base = {"timestamp": at, "apiKey": "pg_0000001", "creditsCharged": 1}
    base |= {"allowed": reason is None, "denyReason": reason}
    two = [base | {"keyName": "k", "tool": tool} for tool in ("late", "early")]
    store_delivered(source.pk, placed(read_call(r) for r in two), [])
    fold_usage()
    first = (
        "select label from gateway_sums(null, null, now(), null) where part='tool' order by first"
    )
    assert rows(first) == [("late",), ("early",)]
    store_exported_calls(source.pk, placed(read_call(r) for r in reversed(two)))
    assert rows(first) == [("early",), ("late",)]
    assert usage_mismatches() == 0


def test_what_differs_is_found_and_counted_anew() -> None:
    source = Source.objects.create(slug="g", kind="paygate")
    store_delivered(source.pk, calls(random.Random(5), 60), [])
    fold_usage()
    newest = UsageTotal.objects.filter(allowed=True).latest("pk")
    UsageTotal.objects.filter(pk=newest.pk).update(calls=F("calls") + 1)
    UsageQuarter.objects.latest("bucket").delete()
    # the kind, the quarter hour, and what its name, tool and namespace say beside what they should
    assert usage_mismatches() == 8
    assert verify_usage() == 8
    assert usage_mismatches() == 0
    check()
