"""Comparing rollups with raw facts. A difference is logged, counted and marked for repair."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from analytics.measures import MEASURES
from analytics.models import Grain
from analytics.rollups import LEVELS, LOCK_SPACE, mark_range, utc_day
from analytics.verify_log import verify_log
from analytics.verify_usage import verify_usage

log = logging.getLogger(__name__)

DAY = timedelta(days=1)
RECENT = timedelta(hours=48)
SAMPLED_DAYS = 10

_ROW = ", ".join(f"coalesce({{alias}}.{name}, 0)" for name in MEASURES)
_RAW_SUMS = ", ".join(f"sum(r.{name}) as {name}" for name in MEASURES)

# Clean buckets only: a marked one says itself that it may be stale. One statement, one snapshot.
_COMPARE = """
with bounds as (select %(start)s::timestamptz as lo, %(end)s::timestamptz as hi),
dirty as materialized (
    select distinct date_bin(%(width)s, m.bucket, timestamptz '2000-01-01 00:00:00+00') as bucket
    from analytics_stalemark m, bounds b
    where m.bucket >= b.lo and m.bucket < b.hi and m.grain <= %(grain)s
),
kept as (
    select s.* from {table} s, bounds b
    where s.bucket >= b.lo and s.bucket < b.hi and s.bucket not in (select bucket from dirty)
),
raw as (
    select r.source_id, r.network_id,
        date_bin(%(width)s, r.bucket, timestamptz '2000-01-01 00:00:00+00') as bucket, {sums}
    from bounds b cross join lateral analytics_facts(b.lo, b.hi, null) r
    where date_bin(%(width)s, r.bucket, timestamptz '2000-01-01 00:00:00+00')
        not in (select bucket from dirty)
    group by 1, 2, 3
)
select distinct coalesce(k.bucket, r.bucket)
from kept k full join raw r
    on r.bucket = k.bucket and r.source_id = k.source_id and r.network_id = k.network_id
where ({kept}) is distinct from ({raw})
order by 1
"""

_FIRST_FACT = """
select least((select min(started_at) from billing_payment),
             (select min(settled_at) from billing_payment),
             (select min(at) from billing_revenuerecord)), clock_timestamp()
"""


def differing(grain: Grain, start: datetime, end: datetime) -> list[datetime]:
    """Clean buckets of a grain in [start, end) whose rows differ from the raw facts."""
    level = LEVELS[grain]
    statement = _COMPARE.format(
        table=level.table,
        sums=_RAW_SUMS,
        kept=_ROW.format(alias="k"),
        raw=_ROW.format(alias="r"),
    )
    with connection.cursor() as cursor:
        args: dict[str, Any] = {
            "start": start,
            "end": end,
            "width": level.width,
            "grain": int(grain),
        }
        cursor.execute(statement, args)
        return [row[0] for row in cursor.fetchall()]


def verify(start: datetime, end: datetime) -> int:
    """Compare every grain over whole UTC days [start, end); mark what differs; how many buckets."""
    found = 0
    for grain in Grain:
        for bucket in differing(grain, start, end):
            log.error("rollup differs from facts: %s %s", grain.label, bucket.isoformat())
            mark_range(bucket, bucket + LEVELS[grain].width)
            found += 1
    return found


def verify_recent() -> int:
    """The last 48 hours up to now; when nothing differs, "verified to" moves to now."""
    now = _extent()[1]
    found = _verify_days(utc_day(now - RECENT), now)
    _note(found, now)
    return found


def verify_all() -> int:
    """Every day that has facts, up to now, and every running total."""
    first, now = _extent()
    found = (_verify_days(utc_day(first), now) if first else 0) + verify_totals()
    found += verify_usage() + verify_log()
    _note(found, now)
    return found


def verify_history(days: int = SAMPLED_DAYS) -> int:
    """Days of the whole history (a random sample when there are many), all running totals."""
    first, now = _extent()
    if first is None:
        found = verify_usage() + verify_log()
        _note(found, None)
        return found
    with connection.cursor() as cursor:
        cursor.execute(
            "select d from generate_series(%s::timestamptz, %s::timestamptz, interval '1 day') d"
            " order by random() limit %s",
            [utc_day(first), now, days],
        )
        starts = sorted(row[0] for row in cursor.fetchall())
    found = sum(verify(start, start + DAY) for start in starts)
    found += verify_totals() + verify_usage() + verify_log()
    _note(found, None)
    return found


# Correcting deltas: what the facts say minus what totals and deltas say, in one snapshot. They
# are appended like any other change, so no writer has to wait.
_CORRECT_TOTALS = """
insert into analytics_runningdelta (kind, source_id, network_id, key1, key2, volume, payments)
select kind, source_id, network_id, key1, key2, sum(volume), sum(payments)
from (
    select k.kind, p.source_id, p.network_id, k.key1, k.key2,
        case when p.is_volume then coalesce(p.amount_usd, 0) else 0 end as volume, 1 as payments
    from billing_payment p
    cross join lateral (values ('payer', p.payer, ''), ('payee', p.payee, ''),
        ('route', case when p.payee is not null then p.payer end, p.payee)) k (kind, key1, key2)
    where p.status = 'settled' and k.key1 is not null
    union all
    select kind, source_id, network_id, key1, key2, -volume, -payments from analytics_runningtotal
    union all
    select kind, source_id, network_id, key1, key2, -volume, -payments from analytics_runningdelta
) both_sides
group by 1, 2, 3, 4, 5
having sum(volume) <> 0 or sum(payments) <> 0
"""


def verify_totals() -> int:
    """Compare every running total with the facts and correct what differs; how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, 1)", [LOCK_SPACE + 1])
        cursor.execute(_CORRECT_TOTALS)
        found: int = cursor.rowcount
    if found:
        log.error("running totals differed from facts: %s corrected", found)
    return found


def _verify_days(day: datetime, now: datetime) -> int:
    found = 0
    while day < now:
        found += verify(day, day + DAY)
        day += DAY
    return found


def _note(found: int, verified_to: datetime | None) -> None:
    """Count what differed; "verified to" advances only over a span in which nothing did."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            update analytics_rollupstate
            set mismatches = mismatches + %(found)s,
                verified_at = clock_timestamp(),
                verified_to = case when %(found)s = 0 then greatest(verified_to, %(to)s)
                                   else verified_to end
            """,
            {"found": found, "to": verified_to},
        )


def _extent() -> tuple[datetime | None, datetime]:
    """The time of the first fact, if there is any, and the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_FACT)
        row: tuple[datetime | None, datetime] = cursor.fetchone()
    return row
