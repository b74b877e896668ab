"""Parameters of reports: what a query string may say, and the range of time it means."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Annotated, Any, Literal, get_args
from zoneinfo import available_timezones

from django.core.validators import MaxValueValidator, MinValueValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analytics.problems import invalid
from billing.chains import canonical_network

INSTANT = timedelta(microseconds=1)  # the resolution of the database's clock
MILLISECOND = timedelta(milliseconds=1)
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
MAX_LIMIT = 1_000
MAX_DAYS = 3_660

MetricName = Literal["volume", "fees", "payments", "revenue"]
WindowName = Literal["1h", "6h", "24h", "7d", "30d", "90d", "all"]
WINDOWS: dict[str, timedelta] = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
SPACE_FOR_PLUS = re.compile(r" (\d\d:?\d\d)$")


@extend_schema_field({"type": "string"})
class InstantField(serializers.Field[datetime, str, str, Any]):
    """ISO 8601 or epoch milliseconds; without an offset it is a time of the report's zone."""

    default_error_messages = {"invalid_time": "Use ISO 8601 or epoch milliseconds."}

    def to_internal_value(self, data: str) -> datetime:
        """The moment, naive when the text names no offset; invalid_time otherwise."""
        try:
            return _instant(data.strip())
        except (ValueError, OverflowError):
            self.fail("invalid_time")

    def to_representation(self, value: datetime) -> str:
        """ISO 8601."""
        return value.isoformat()


def _instant(text: str) -> datetime:
    if re.fullmatch(r"-?\d+", text):
        moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(text))
    else:  # an unescaped + in a query string arrives as a space
        moment = datetime.fromisoformat(SPACE_FOR_PLUS.sub(r"+\1", text))
    if not EARLIEST <= (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) < LATEST:
        raise ValueError(text)
    return moment


@cache
def zone_names() -> frozenset[str]:
    """Every IANA time zone; `localtime` is none, each machine has its own. Reads the disk once."""
    return frozenset(available_timezones() - {"localtime", "posixrules", "Factory"})


class ZoneField(serializers.CharField):
    """An IANA time zone by its exact name."""

    default_error_messages = {"invalid_zone": "Use an IANA time zone such as Asia/Kolkata."}

    def to_internal_value(self, data: Any) -> str:
        """The name; invalid_zone when no such zone is known."""
        name = super().to_internal_value(data)
        if name not in zone_names():
            self.fail("invalid_zone")
        return name


class NetworkField(serializers.CharField):
    """A network by CAIP-2 id or legacy name."""

    def to_internal_value(self, data: Any) -> str:
        """The CAIP-2 id of a legacy name, else the text itself."""
        return canonical_network(super().to_internal_value(data))


@dataclass(frozen=True)
class Parameter:
    """How one field is read from a query string: name there, parser, description."""

    field: Callable[..., "serializers.Field[Any, Any, Any, Any]"]
    help_text: str
    name: str = ""


def _choice(*choices: str) -> Callable[..., "serializers.Field[Any, Any, Any, Any]"]:
    return lambda **options: serializers.ChoiceField(choices=choices, **options)


def _whole(low: int, high: int) -> Callable[..., "serializers.Field[Any, Any, Any, Any]"]:
    return lambda **options: serializers.IntegerField(min_value=low, max_value=high, **options)


def _day(**options: Any) -> "serializers.Field[Any, Any, Any, Any]":
    bounds = [MinValueValidator(EARLIEST.date()), MaxValueValidator(LATEST.date())]
    return serializers.DateField(validators=bounds, **options)


Zone = Annotated[str, Parameter(ZoneField, "IANA time zone of days and hours.")]
NetworkId = Annotated[
    str | None, Parameter(NetworkField, "Only this network: a CAIP-2 id or a name such as base.")
]
Testnets = Annotated[
    bool, Parameter(serializers.BooleanField, "Include testnets and unregistered networks.")
]
SourceSlug = Annotated[str | None, Parameter(serializers.CharField, "Only this source, by slug.")]
AsOf = Annotated[
    datetime | None,
    Parameter(InstantField, "Answer as of this moment: ISO 8601 or epoch milliseconds."),
]
WindowChoice = Annotated[
    WindowName, Parameter(_choice(*WINDOWS, "all"), "Length of the window ending at as_of.")
]
From = Annotated[
    datetime | None,
    Parameter(InstantField, "Beginning of the range (included), instead of window.", "from"),
]
To = Annotated[
    datetime | None,
    Parameter(InstantField, "End of the range (excluded), instead of window.", "to"),
]
Limit = Annotated[int, Parameter(_whole(1, MAX_LIMIT), f"Rows at most, 1 to {MAX_LIMIT}.")]
Days = Annotated[int, Parameter(_whole(1, MAX_DAYS), f"Number of days, 1 to {MAX_DAYS}.")]
Day = Annotated[date | None, Parameter(_day, "A local day, YYYY-MM-DD; default today.")]
Metric = Annotated[MetricName, Parameter(_choice(*get_args(MetricName)), "What to draw.")]


@dataclass(frozen=True)
class Range:
    """Half-open [start, end) of moments; start None = from the first fact.

    `end` is never later than as_of, so a range that begins later is empty. `until` is the end
    asked for, and the series' last slot is the one that holds `final`.
    """

    start: datetime | None
    end: datetime
    until: datetime
    final: datetime

    @property
    def microseconds(self) -> int | None:
        """The length asked for, None when unbounded."""
        return None if self.start is None else (self.until - self.start) // INSTANT

    @property
    def last(self) -> datetime:
        """The last moment inside."""
        return self.end - INSTANT


@dataclass(frozen=True, kw_only=True)
class CommonParams:
    """What every report takes."""

    tz: Zone = "UTC"
    source: SourceSlug = None
    as_of: AsOf = None

    def check(self) -> None:
        """Raise ValidationError when values contradict each other."""


@dataclass(frozen=True, kw_only=True)
class ReportParams(CommonParams):
    """What every payment report takes."""

    network: NetworkId = None
    include_testnets: Testnets = False


@dataclass(frozen=True, kw_only=True)
class SpanParams(CommonParams):
    """A window that ends at as_of, (as_of - window, as_of], or [from, to)."""

    window: WindowChoice = "24h"
    start: From = None
    end: To = None

    def check(self) -> None:
        """`to` must be later than `from`."""
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise invalid("to", "Must be later than from.", "invalid_range")

    @property
    def label(self) -> str:
        """The window's name, `custom` for from/to."""
        return "custom" if self.start or self.end else self.window

    def range(self, as_of: datetime) -> Range:
        """The moments meant; nothing later than as_of is inside."""
        ceiling = as_of + INSTANT
        length = WINDOWS.get(self.window)
        until = self.end or ceiling
        start = self.start or (until - length if length else None)
        final = self.end - MILLISECOND if self.end else as_of
        return Range(
            start=start,
            end=min(until, ceiling),
            until=until,
            final=max(start or EARLIEST, final),
        )


@dataclass(frozen=True, kw_only=True)
class WindowParams(SpanParams, ReportParams):
    """A payment report over a window."""


@dataclass(frozen=True, kw_only=True)
class DayWindowParams(WindowParams):
    """A window of 24 hours unless told otherwise."""


@dataclass(frozen=True, kw_only=True)
class MonthWindowParams(WindowParams):
    """A window of 30 days unless told otherwise."""

    window: WindowChoice = "30d"


@dataclass(frozen=True, kw_only=True)
class AllTimeParams(WindowParams):
    """All time unless told otherwise."""

    window: WindowChoice = "all"


@dataclass(frozen=True, kw_only=True)
class TopParams(AllTimeParams):
    """The first `limit` of a ranking, of all time unless told otherwise."""

    limit: Limit = 10


@dataclass(frozen=True, kw_only=True)
class GatewayParams(CommonParams):
    """What every gateway report takes."""


@dataclass(frozen=True, kw_only=True)
class GatewaySpanParams(SpanParams, GatewayParams):
    """A gateway report over calls, log or audit entries: of all time unless told otherwise."""

    window: WindowChoice = "all"
