"""Keeping rollups fresh. Readers never depend on it: it changes what a read costs, not its answer.

INVARIANT: in every snapshot and for every bucket, either a stale mark for it (or for a bucket
inside it) exists, or its rollup rows equal the aggregate of its facts.

Rolling is one short READ COMMITTED transaction: take the buckets' locks, consume their marks,
delete their rows, aggregate, mark the parent grain. Marks MUST be consumed before the facts are
read: a fact that the aggregate cannot see then commits later, with a mark that was not consumed.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from analytics.measures import LIST, SUMMED
from analytics.models import Grain
from analytics.uniques import follow_zones, roll_unique_days, zones

log = logging.getLogger(__name__)

LOCK_SPACE = 0x70617902  # first half of the advisory lock key; the second is grain and bucket
BUCKETS_AT_ONCE = 192  # two days of quarter hours: bounds a transaction's length
FOLD_AT_ONCE = 50_000


@dataclass(frozen=True)
class Level:
    """A grain, where its rows live, and what they are made from."""

    grain: Grain
    table: str
    width: timedelta
    aggregate: str


_FROM_FACTS = f"""
insert into analytics_quarterhourstat (source_id, network_id, bucket, {LIST})
select f.* from (
    select min(i.lo) as lo, max(i.lo) + interval '15 minutes' as hi
    from (select b as lo, b - row_number() over (order by b) * interval '15 minutes' as island
          from unnest(%(buckets)s::timestamptz[]) b) i
    group by i.island
) g cross join lateral analytics_facts(g.lo, g.hi, null) f
"""  # noqa: S608 - composed of constants


def _from_finer(table: str, finer: str, width: str) -> str:
    return f"""
insert into {table} (source_id, network_id, bucket, {LIST})
select s.source_id, s.network_id, b, {SUMMED}
from unnest(%(buckets)s::timestamptz[]) b
cross join lateral (
    select x.* from {finer} x where x.bucket >= b and x.bucket < b + interval '{width}' offset 0
) s
group by 1, 2, 3
"""  # noqa: S608 - composed of constants


LEVELS: dict[Grain, Level] = {
    Grain.QUARTER: Level(
        Grain.QUARTER, "analytics_quarterhourstat", timedelta(minutes=15), _FROM_FACTS
    ),
    Grain.HOUR: Level(
        Grain.HOUR,
        "analytics_hourlystat",
        timedelta(hours=1),
        _from_finer("analytics_hourlystat", "analytics_quarterhourstat", "1 hour"),
    ),
    Grain.DAY: Level(
        Grain.DAY,
        "analytics_dailystat",
        timedelta(days=1),
        _from_finer("analytics_dailystat", "analytics_hourlystat", "1 day"),
    ),
}

_LOCK = """
select b from unnest(%(buckets)s::timestamptz[]) b
where pg_try_advisory_xact_lock(
    %(space)s, %(grain)s * 100000000 + (extract(epoch from b) / 900)::int)
"""
_CONSUME = "delete from analytics_stalemark where grain = %(grain)s and bucket = any(%(buckets)s)"
_MARK_PARENT = """
insert into analytics_stalemark (grain, bucket)
select distinct %(parent)s::int,
    date_bin(%(width)s, b, timestamptz '2000-01-01 00:00:00+00')
from unnest(%(buckets)s::timestamptz[]) b
"""
_MARK_UNIQUES = """
insert into analytics_staleunique (zone, day)
select distinct z, (b at time zone z)::date
from unnest(%(buckets)s::timestamptz[]) b cross join unnest(%(zones)s::text[]) z
"""
_HISTOGRAMS = """
insert into analytics_dailyhistogram (bucket, source_id, network_id, measure, bins)
select n.bucket, n.source_id, n.network_id, n.measure, jsonb_object_agg(n.bin::text, n.count)
from (
    select b as bucket, p.source_id, p.network_id, v.measure, analytics_bin(v.value) as bin,
        count(*) as count
    from unnest(%(buckets)s::timestamptz[]) b
    cross join lateral (
        select x.* from billing_payment x
        where x.started_at >= b and x.started_at < b + interval '1 day' offset 0
    ) p
    cross join lateral (values ('settlement_ms', p.settlement_ms),
        ('amount', case when p.is_volume then p.amount_usd end)) v (measure, value)
    where p.status = 'settled' and v.value is not null
    group by 1, 2, 3, 4, 5
) n group by 1, 2, 3, 4
"""
_STALE = """
select distinct bucket from analytics_stalemark
where grain = %s order by bucket desc limit %s
"""
_MARK_RANGE = """
insert into analytics_stalemark (grain, bucket)
select 0, b from generate_series(
    date_bin('15 minutes', %s::timestamptz, timestamptz '2000-01-01 00:00:00+00'),
    %s::timestamptz - interval '1 microsecond', interval '15 minutes') b
"""


def roll(grain: Grain, buckets: Sequence[datetime]) -> list[datetime]:
    """Replace the rows of some buckets from what they are made of; the buckets it could lock."""
    with transaction.atomic(), connection.cursor() as cursor:
        mine = lock(cursor, grain, buckets)
        if mine:
            for step in STEPS:
                step(cursor, LEVELS[grain], mine)
    return mine


def lock(cursor: CursorWrapper, grain: Grain, buckets: Sequence[datetime]) -> list[datetime]:
    """Those of the buckets that no other worker is rolling; ours until the transaction ends."""
    args: dict[str, Any] = {
        "buckets": sorted(buckets),
        "grain": int(grain),
        "space": LOCK_SPACE,
    }
    cursor.execute(_LOCK, args)
    return [row[0] for row in cursor.fetchall()]


def consume_marks(cursor: CursorWrapper, level: Level, buckets: list[datetime]) -> None:
    """Delete the marks of the buckets that are visible now."""
    args: dict[str, Any] = {"grain": int(level.grain), "buckets": buckets}
    cursor.execute(_CONSUME, args)


def replace_rows(cursor: CursorWrapper, level: Level, buckets: list[datetime]) -> None:
    """Delete and insert, not upsert: groups can vanish."""
    args: dict[str, Any] = {"buckets": buckets}
    cursor.execute(f"delete from {level.table} where bucket = any(%(buckets)s)", args)  # noqa: S608 - a constant table name
    cursor.execute(level.aggregate, args)


def pass_on(cursor: CursorWrapper, level: Level, buckets: list[datetime]) -> None:
    """What depends on these buckets: the parent grain, local days, a day's histograms."""
    args: dict[str, Any] = {"buckets": buckets}
    if level.grain is Grain.QUARTER:
        cursor.execute(_MARK_UNIQUES, args | {"zones": zones()})
    if level.grain is Grain.DAY:
        cursor.execute("delete from analytics_dailyhistogram where bucket = any(%(buckets)s)", args)
        cursor.execute(_HISTOGRAMS, args)
    else:
        parent = LEVELS[Grain(level.grain + 1)]
        cursor.execute(_MARK_PARENT, args | {"parent": int(parent.grain), "width": parent.width})


# The order is the invariant; see the module's docstring.
STEPS: tuple[Callable[[CursorWrapper, Level, list[datetime]], None], ...] = (
    consume_marks,
    replace_rows,
    pass_on,
)


def roll_stale(limit_seconds: float = 45.0) -> int:
    """Roll stale buckets, newest first, until none is left or the time is up; how many.

    Finer grains first, each to the end, so that a coarse bucket is rolled once and not with every
    chunk of what is inside it. Every grain gets at least one chunk, however late it is.
    """
    deadline = time.monotonic() + limit_seconds
    follow_zones()
    rolled = sum(roll_grain(grain, deadline) for grain in Grain)
    while roll_unique_days() and time.monotonic() < deadline:
        pass
    return rolled


def roll_grain(grain: Grain, deadline: float) -> int:
    """Roll the stale buckets of one grain until `deadline` (monotonic seconds); how many."""
    rolled = 0
    while buckets := stale_buckets(grain, BUCKETS_AT_ONCE):
        done = len(roll(grain, buckets))
        rolled += done
        if done == 0 or time.monotonic() > deadline:  # none left that another worker has not got
            break
    return rolled


def stale_buckets(grain: Grain, limit: int) -> list[datetime]:
    """Buckets with a mark of that grain, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(_STALE, [int(grain), limit])
        return [row[0] for row in cursor.fetchall()]


def mark_range(start: datetime, end: datetime) -> int:
    """Mark every quarter hour of [start, end) stale: the one way to rebuild and to repair."""
    with connection.cursor() as cursor:
        cursor.execute(_MARK_RANGE, [start, end])
        marked: int = cursor.rowcount
    return marked


def mark_everything() -> int:
    """Mark every quarter hour that has facts or rollup rows; how many marks."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            insert into analytics_stalemark (grain, bucket)
            select 0, b from (
                select started_bucket as b from billing_payment where started_bucket is not null
                union select settled_bucket from billing_payment where settled_bucket is not null
                union select bucket from billing_revenuerecord
                union select bucket from analytics_quarterhourstat) all_buckets
            """
        )
        marked: int = cursor.rowcount
    return marked


_FOLD = """
with taken as (
    delete from analytics_runningdelta
    where id in (select id from analytics_runningdelta order by id limit %s)
    returning kind, source_id, network_id, key1, key2, volume, payments
)
insert into analytics_runningtotal as t
    (kind, source_id, network_id, key1, key2, volume, payments)
select kind, source_id, network_id, key1, key2, sum(volume), sum(payments)
from taken group by 1, 2, 3, 4, 5
on conflict (kind, key1, key2, source_id, network_id) do update
set volume = trim_scale(t.volume + excluded.volume), payments = t.payments + excluded.payments
"""


def fold_totals(limit_seconds: float = 30.0) -> int:
    """Fold running deltas into running totals, in chunks; how many totals were touched."""
    deadline = time.monotonic() + limit_seconds
    touched = 0
    while time.monotonic() < deadline:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("select pg_try_advisory_xact_lock(%s, 0)", [LOCK_SPACE + 1])
            if not cursor.fetchone()[0]:
                break
            cursor.execute(_FOLD, [FOLD_AT_ONCE])
            count = cursor.rowcount
        if count == 0:
            break
        touched += count
    return touched


def status() -> dict[str, object]:
    """Distinct stale buckets per grain, age of the oldest mark, running deltas, verified to."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select (select count(distinct bucket) from analytics_stalemark where grain = 0),
                (select count(distinct bucket) from analytics_stalemark where grain = 1),
                (select count(distinct bucket) from analytics_stalemark where grain = 2),
                (select extract(epoch from now() - min(created_at)) from analytics_stalemark),
                (select count(*) from analytics_runningdelta),
                (select verified_to from analytics_rollupstate),
                (select mismatches from analytics_rollupstate)
            """
        )
        row = cursor.fetchone()
    names = [
        "quarters",
        "hours",
        "days",
        "oldest_mark_seconds",
        "deltas",
        "verified_to",
        "mismatches",
    ]
    return dict(zip(names, row, strict=True))


def verified_to() -> datetime | None:
    """Up to when rollups were last found equal to raw facts."""
    with connection.cursor() as cursor:
        cursor.execute("select verified_to from analytics_rollupstate")
        row = cursor.fetchone()
    return row[0] if row else None


def utc_day(moment: datetime) -> datetime:
    """Midnight UTC of a moment's day."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
