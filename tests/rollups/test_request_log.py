"""Request logs rolled up say what the entries themselves say, whatever is folded and when."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.db.models import F

from analytics.models import LogConsumer, LogPending, LogSlot, LogTotal
from analytics.usage import fold_usage
from analytics.verify_log import log_mismatches, verify_log
from billing.gateway.records import LogEntry, read_log_entry
from billing.gateway.store import store_log
from billing.models import Source

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 30, 12, tzinfo=UTC)
WINDOWS: list[dict[str, Any]] = [
    {"start": None, "end": NOW + timedelta(seconds=1)},
    {"start": None, "end": NOW - timedelta(days=1, minutes=7, microseconds=1)},
    {"start": NOW - timedelta(days=2, minutes=1), "end": NOW - timedelta(hours=5)},
]
# What reports read, and the same from the entries.
READS = {
    "select * from gateway_tools(%(sources)s, %(start)s, %(end)s) order by tool": """
        select tool, count(*), sum(credits), count(distinct (source_id, mask)), min(seen), min(at),
            max(at)
        from gateway_requests(%(sources)s, %(start)s, %(end)s) where allowed
        group by 1 order by 1
    """,
    "select * from gateway_log_consumer_tools(%(sources)s, %(start)s, %(end)s) order by 1, 2": """
        select source_id, mask, array_agg(distinct tool), min(seen)
        from gateway_requests(%(sources)s, %(start)s, %(end)s) where allowed
        group by 1, 2 order by 1, 2
    """,
    """
        select mask, deny_reason, sum(calls), sum(credits), sum(duration), min(seen)
        from gateway_log_kinds(%(sources)s, %(start)s, %(end)s) group by 1, 2 order by 1, 2
    """: """
        select mask, case when not allowed then deny_reason end, count(*), sum(credits),
            sum(duration_ms), min(seen)
        from gateway_requests(%(sources)s, %(start)s, %(end)s) group by 1, 2 order by 1, 2
    """,
    """
        select tool, duration_ms, sum(calls), min(seen)
        from gateway_log_durations(%(sources)s, %(start)s, %(end)s) group by 1, 2 order by 1, 2
    """: """
        select tool, duration_ms, count(*), min(seen)
        from gateway_requests(%(sources)s, %(start)s, %(end)s) where allowed
        group by 1, 2 order by 1, 2
    """,
}
TRAFFIC = """
select slot, requests, allowed, credits, consumers, tools
from gateway_traffic(%(sources)s, %(start)s, %(end)s, %(zone)s, %(unit)s) order by 1
"""
RAW_TRAFFIC = """
select case %(unit)s when 'hour of day'
        then to_timestamp(date_part('hour', at at time zone %(zone)s) * 3600)
        else date_trunc(%(unit)s, at, %(zone)s) end,
    count(*), count(*) filter (where allowed),
    coalesce(sum(credits) filter (where allowed), 0), count(distinct (source_id, mask)),
    count(distinct tool) filter (where tool <> '')
from gateway_requests(%(sources)s, %(start)s, %(end)s) group by 1 order by 1
"""
CALLERS = """
select slot, callers from gateway_log_slots(%(sources)s, %(start)s, %(end)s, %(zone)s, 'hour')
where callers > 0 order by 1
"""
RAW_CALLERS = """
select date_trunc('hour', at, %(zone)s), count(distinct (source_id, mask))
from gateway_requests(%(sources)s, %(start)s, %(end)s) where allowed group by 1 order by 1
"""


def entries(rng: random.Random, count: int, first: int) -> list[LogEntry]:
    """Entries of three days around a change of the clocks in Europe, in no order."""
    made = []
    for n in range(count):
        reason = rng.choice([None, None, None, "insufficient_credits", ""])
        moment = NOW - timedelta(seconds=rng.randrange(3 * 86_400 // 40) * 40)
        record = {
            "id": first + n,
            "timestamp": moment.isoformat(),
            "tool": rng.choice(["search", "__proto__", "7", "", "\U0001f600"]),
            "key": f"pg_{rng.randrange(9):04x}...0000",
            "status": "allowed" if reason is None else "denied",
            "credits": rng.randrange(5),
            "durationMs": rng.choice([0, 3, 3, msgspec.Raw(b"250.5")]),
            "denyReason": reason,
        }
        made.append(read_log_entry(record))
    return made


def rows(sql: str, **asked: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, asked)
        return list(cursor.fetchall())


def check() -> None:
    """Every window, zone, unit and choice of gateways says what the entries say."""
    assert log_mismatches() == 0
    for window in WINDOWS:
        for sources in (None, list(Source.objects.values_list("pk", flat=True))[:1]):
            asked = {"sources": sources, **window}
            for rolled, raw in READS.items():
                assert rows(rolled, **asked) == rows(raw, **asked)
            for zone in ("UTC", "Asia/Kathmandu", "Europe/Berlin"):
                zoned = {"zone": zone, **asked}
                assert rows(CALLERS, **zoned) == rows(RAW_CALLERS, **zoned)
                for unit in ("hour", "day", "hour of day"):
                    assert rows(TRAFFIC, unit=unit, **zoned) == rows(
                        RAW_TRAFFIC, unit=unit, **zoned
                    )


@pytest.mark.parametrize("seed", range(3))
def test_folding_changes_nothing_that_is_read(seed: int) -> None:
    rng = random.Random(seed)
    one = Source.objects.create(slug="one", kind="paygate")
    two = Source.objects.create(slug="two", kind="paygate")
    store_log(one.pk, entries(rng, 200, 1))
    check()
    assert fold_usage() == 200
    assert not LogPending.objects.exists()
    check()
    store_log(one.pk, entries(rng, 150, 201))
    store_log(two.pk, entries(rng, 50, 1))
    check()
    assert fold_usage() == 200
    check()
    assert fold_usage() == 0


def test_entries_that_come_again_count_once() -> None:
    source = Source.objects.create(slug="g", kind="paygate")
    made = entries(random.Random(1), 40, 1)
    store_log(source.pk, made)
    fold_usage()
    store_log(source.pk, made)
    assert fold_usage() == 0
    check()


def test_what_differs_is_found_and_counted_anew() -> None:
    source = Source.objects.create(slug="g", kind="paygate")
    store_log(source.pk, entries(random.Random(2), 60, 1))
    fold_usage()
    assert verify_log() == 0
    LogTotal.objects.filter(pk=LogTotal.objects.order_by("pk").values("pk")[:1]).update(
        calls=F("calls") + 1
    )
    assert log_mismatches() == 2  # the row that is there, and the one that should be
    LogSlot.objects.filter(unit="hour").update(callers=F("callers") + 1)
    LogConsumer.objects.update(hours=0)
    assert verify_log() > 2
    check()
    fold_usage()
    check()
    assert verify_log() == 0
