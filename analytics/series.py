"""Slots of a time series: days and hours of a time zone as moments, so that SQL only compares.

`width_bucket(bucket, slots)` numbers the slot of a rollup piece; a zone's rules live here only.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from analytics.params import INSTANT, Range

QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
ONE_DAY = timedelta(days=1)
LONGEST_HOURLY = timedelta(hours=24)

GRAIN_QUARTER, GRAIN_HOUR, GRAIN_DAY = 0, 1, 2


class WallHour(NamedTuple):
    """An hour as a wall clock shows it; a repeated hour occurs with two offsets."""

    day: date
    hour: int
    offset: timedelta | None


def grain(slots: Sequence[datetime]) -> int:
    """The coarsest rollup whose pieces never straddle a slot's edge."""
    if all(slot.timestamp() % 86_400 == 0 for slot in slots):
        return GRAIN_DAY
    if all(slot.timestamp() % 3_600 == 0 for slot in slots):
        return GRAIN_HOUR
    return GRAIN_QUARTER


def midnight(day: date, zone: str) -> datetime:
    """The first moment of a local day."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def local_day(moment: datetime, zone: str) -> date:
    """The day a moment falls on."""
    return moment.astimezone(ZoneInfo(zone)).date()


def days_of(span: Range, first_fact: datetime | None, zone: str) -> list[date]:
    """Every local day of a range, whole or cut; without a start from the first fact on."""
    last = local_day(span.final, zone)
    start = span.start or first_fact
    first = min(local_day(start, zone), last) if start else last
    return [first + ONE_DAY * n for n in range((last - first).days + 1)]


def day_starts(days: Sequence[date], zone: str) -> list[datetime]:
    """The first moment of each day."""
    return [midnight(day, zone) for day in days]


def hour_starts(start: datetime, until: datetime, zone: str) -> list[datetime]:
    """The first moment of each wall-clock hour, from the one that holds `start` to `until`."""
    starts = [first for _, first in wall_hours(start - HOUR, until, zone)]
    return starts[bisect_right(starts, start) - 1 :]


def wall_hours(start: datetime, until: datetime, zone: str) -> list[tuple[WallHour, datetime]]:
    """The wall-clock hours of [start, until) with the moment each begins, in order.

    The first may have begun before `start`: then its moment is the quarter hour that holds it.
    """
    first = datetime.fromtimestamp(start.timestamp() // 900 * 900, UTC)
    quarters = [first + QUARTER * n for n in range(-((first - until) // QUARTER))]
    local = ZoneInfo(zone)

    def shown(moment: datetime) -> WallHour:
        there = moment.astimezone(local)
        return WallHour(there.date(), there.hour, there.utcoffset())

    return [(hour, next(moments)) for hour, moments in groupby(quarters, shown)]


def slots_of(span: Range, first_fact: datetime | None, zone: str) -> list[datetime]:
    """The slots of a series over a range: hours up to 24 hours, days beyond."""
    if span.start is not None and span.until - span.start <= LONGEST_HOURLY:
        return hour_starts(span.start, span.final + INSTANT, zone)
    return day_starts(days_of(span, first_fact, zone), zone)
