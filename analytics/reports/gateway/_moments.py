"""Moments in a query string, read as JavaScript's Date reads them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo

from analytics.params import GatewayParams, Parameter
from analytics.reports.gateway._exact import ExactField

_ISO = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+ -]\d\d:?\d\d)?)?"
)
_MONTHS, _DAYS, _HOURS, _MINUTES = 12, 31, 24, 59
_FIRST, _LAST = 2, 9_998  # years that any zone can hold
_LONG_AGO = datetime(_FIRST, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class AuditSpan:
    """From `since` to `until`, both included; backwards when nothing can lie in it."""

    since: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True)
class AuditSpanParams(GatewayParams):
    """A report over the audit log between two moments, by the gateway's own parameters."""

    since: Annotated[
        str | None,
        Parameter(ExactField, "Events of this moment and later: a date or a time."),
    ] = None
    until: Annotated[
        str | None,
        Parameter(ExactField, "Events of this moment and earlier: a date or a time."),
    ] = None

    def span(self, as_of: datetime, days: int | None = None) -> AuditSpan:
        """What is asked for, nothing later than as_of; without `since` the last `days`, or all."""
        earliest = _LONG_AGO if days is None else as_of - timedelta(days=days)
        since = earliest if self.since is None else _read(self.since, self.tz)
        until = as_of if self.until is None else _read(self.until, self.tz)
        if since is None or until is None:
            return AuditSpan(as_of, _LONG_AGO)
        return AuditSpan(since, min(until, as_of))


def _read(text: str, zone: str) -> datetime | None:
    """A date is midnight UTC, a time without an offset is one of the zone, other text nothing."""
    return _moment(text.strip(), ZoneInfo(zone))


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(part or 1) for part in found.group(1, 2, 3))
    clock = Clock(*(int(part or 0) for part in found.group(4, 5, 6)))
    in_day = _FIRST <= year <= _LAST and 1 <= month <= _MONTHS and 1 <= day <= _DAYS
    if not in_day or not clock.is_real:
        return None
    where = _zone(found.group(8), zone) if found.group(4) else UTC
    # the 31st of a shorter month is one of the next, as JavaScript has it
    midnight = datetime(year, month, 1, tzinfo=where) + timedelta(days=day - 1)
    millis = timedelta(milliseconds=int((found.group(7) or "").ljust(3, "0")[:3]))
    return (midnight + clock.since_midnight + millis).astimezone(UTC)


@dataclass(frozen=True)
class Clock:
    """A time of day; 24:00:00 is the next day's midnight."""

    hour: int
    minute: int
    second: int

    @property
    def is_real(self) -> bool:
        """Whether there is such a time."""
        in_hour = self.minute <= _MINUTES and self.second <= _MINUTES
        at_most = self.hour < _HOURS or (self.hour == _HOURS and not self.minute + self.second)
        return in_hour and at_most

    @property
    def since_midnight(self) -> timedelta:
        """How long the day is."""
        return timedelta(hours=self.hour, minutes=self.minute, seconds=self.second)


def _zone(offset: str | None, zone: ZoneInfo) -> tzinfo:
    if offset is None:
        return zone
    if offset == "Z":
        return UTC
    span = timedelta(hours=min(int(offset[1:3]), 23), minutes=min(int(offset[-2:]), 59))
    # an unescaped + in a query string arrives as a space
    return timezone(-span if offset[0] == "-" else span)
