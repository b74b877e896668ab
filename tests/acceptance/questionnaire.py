"""Every report, asked in every way that makes sense."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tests.oracle.exact import DAY, EPOCH, HOUR
from tests.oracle.recompute import Question
from tests.oracle.windows import LENGTHS, MICROSECOND, day_of

ZONES = (
    "UTC",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "America/New_York",
)
WINDOWS = (*LENGTHS, "all")
NETWORKS = ("eip155:8453", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "unknown", "eip155:84532")
WINDOWED = ("payments", "networks", "failures", "revenue", "revenue-breakdown", "dashboard")
RANKINGS = ("top-payers", "top-payees", "top-routes", "top-resources")
METRICS = ("volume", "fees", "payments", "revenue")
NOT_IN_QUERY = ("as_of", "day", "start", "end")


@dataclass(frozen=True)
class Asked:
    """A report and what it was asked, for the oracle and as query parameters."""

    slug: str
    question: Question
    params: dict[str, str]


def asked(slug: str, as_of: int, **question: Any) -> Asked:
    """A question; moments are microseconds."""
    params = {"as_of": iso(as_of)}
    for name, value in question.items():
        if name not in NOT_IN_QUERY and value is not None:
            params[name] = str(value).lower() if isinstance(value, bool) else str(value)
    if "day" in question:
        params["date"] = question["day"].isoformat()
    if "start" in question:
        params |= {"from": iso(question["start"]), "to": iso(question["end"])}
    return Asked(slug, Question(as_of=as_of, **question), params)


def iso(at: int) -> str:
    """A moment with its microseconds, UTC."""
    return (EPOCH + at * MICROSECOND).isoformat(timespec="microseconds").replace("+00:00", "Z")


def questionnaire(as_of: int) -> Iterator[Asked]:
    """Everything that is asked of a portal."""
    for window in WINDOWS:
        yield from _each(as_of, window=window)
        for metric in METRICS:
            yield asked("time-series", as_of, window=window, metric=metric)
    for zone in ZONES:
        yield from _by_zone(as_of, zone)
    for network in NETWORKS:
        testnets = network == "eip155:84532"
        yield from _each(as_of, window="30d", network=network, include_testnets=testnets)
    yield from _each(as_of, window="all", include_testnets=True)
    yield asked("revenue-projection", as_of)
    yield asked("revenue-projection", as_of, include_testnets=True)
    yield asked("top-payers", as_of, window="all", limit=1000)
    yield from _ranges(as_of)


def _each(as_of: int, **question: Any) -> Iterator[Asked]:
    for slug in WINDOWED:
        yield asked(slug, as_of, **question)
    for slug in RANKINGS:
        yield asked(slug, as_of, limit=25, **question)


def _by_zone(as_of: int, zone: str) -> Iterator[Asked]:
    today = day_of(as_of, zone)
    yield asked("revenue", as_of, window="90d", tz=zone)
    yield asked("revenue", as_of, window="all", tz=zone)
    yield asked("revenue-daily", as_of, days=100, tz=zone)
    yield asked("revenue-daily", as_of, days=1, tz=zone, include_testnets=True)
    yield asked("time-series", as_of, window="24h", metric="revenue", tz=zone)
    yield asked("time-series", as_of, window="90d", metric="volume", tz=zone)
    yield asked("dashboard", as_of, window="24h", tz=zone)
    yield asked("realtime", as_of, tz=zone)
    changes = (date(2026, 10, 4), date(2026, 11, 1))  # Lord Howe forward, St. John's back
    for day in (today, today - timedelta(days=3), *changes):
        yield asked("hourly-stats", as_of, day=day, tz=zone)


def _ranges(as_of: int) -> Iterator[Asked]:
    ranges = (
        (as_of - 37 * DAY + 12_345_678, as_of - 2 * DAY - 1),
        (as_of // HOUR * HOUR - 9 * HOUR, as_of // HOUR * HOUR),
        (as_of - 5 * DAY, as_of + DAY),  # its end is still to come
    )
    for start, end in ranges:
        yield from _each(as_of, start=start, end=end, tz="Asia/Kolkata")
        yield asked("time-series", as_of, start=start, end=end, tz="Asia/Kathmandu")
