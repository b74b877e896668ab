"""Windows, calendar days and clock hours in any zone, as half-open spans of microseconds."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from tests.oracle.exact import DAY, EPOCH, HOUR

LENGTHS = {
    "1h": HOUR,
    "6h": 6 * HOUR,
    "24h": DAY,
    "7d": 7 * DAY,
    "30d": 30 * DAY,
    "90d": 90 * DAY,
}
MICROSECOND = timedelta(microseconds=1)
QUARTER = HOUR // 4


@dataclass(frozen=True)
class Span:
    """From `low`, included, to `high`, excluded; microseconds since 1970."""

    low: int
    high: int

    def __contains__(self, at: int | None) -> bool:
        """Whether a moment lies in it; nothing lies in no span."""
        return at is not None and self.low <= at < self.high

    def __and__(self, other: "Span") -> "Span":
        """What lies in both."""
        low = max(self.low, other.low)
        return Span(low, max(low, min(self.high, other.high)))


def window(name: str, as_of: int) -> Span:
    """The window that ends at `as_of`, included, and begins after `as_of` less its length."""
    if name == "all":
        return Span(-(2**62), as_of + 1)
    return Span(as_of - LENGTHS[name] + 1, as_of + 1)


def local(at: int, zone: str) -> datetime:
    """The wall clock of a zone at a moment."""
    return (EPOCH + at * MICROSECOND).astimezone(ZoneInfo(zone))


def day_of(at: int, zone: str) -> date:
    """The calendar day of a moment."""
    return local(at, zone).date()


def day_span(day: date, zone: str) -> Span:
    """The day, 23 to 25 hours of it where clocks change."""
    return Span(_midnight(day, zone), _midnight(day + timedelta(days=1), zone))


def _midnight(day: date, zone: str) -> int:
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return (start - EPOCH) // MICROSECOND


def days(first: date, last: date) -> list[date]:
    """Every day from first to last, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def wall_hours(span: Span, zone: str) -> list[Span]:
    """Every hour of the zone's clock that touches the span; a repeated hour comes twice."""
    hours: list[tuple[object, int]] = []
    for quarter in range(span.low // QUARTER * QUARTER - DAY, span.high + DAY, QUARTER):
        clock = local(quarter, zone)
        shown = (clock.date(), clock.hour, clock.utcoffset())
        if not hours or hours[-1][0] != shown:
            hours.append((shown, quarter))
    spans = [Span(low, high) for (_, low), (_, high) in pairwise(hours)]
    return [one for one in spans if one.high > span.low and one.low < span.high]
