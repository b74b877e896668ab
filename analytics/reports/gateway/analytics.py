"""Calls over time, by tool and consumer, beside the period before."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from rest_framework import serializers

from analytics.params import INSTANT, MAX_LIMIT, GatewaySpanParams, Parameter, WindowChoice
from analytics.problems import invalid
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.reports.gateway import _analytics_sql as sql
from analytics.reports.gateway._exact import ExactField
from analytics.series import HOUR, ONE_DAY, QUARTER
from analytics.units import Count, Credits, IsoMs, Number, Percent, Ratio

Granularity = Literal["hourly", "daily"]
UNITS = {"hourly": "hour", "daily": "day"}
MOST_SLOTS = 10_000


@dataclass(frozen=True, kw_only=True)
class AnalyticsParams(GatewaySpanParams):
    """A period, in slots; calls of a namespace; so many consumers."""

    window: WindowChoice = "24h"
    granularity: Annotated[
        Granularity,
        Parameter(
            lambda **options: serializers.ChoiceField(choices=list(UNITS), **options),
            "Length of a slot.",
        ),
    ] = "hourly"
    top: Annotated[
        int,
        Parameter(
            lambda **options: serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, **options),
            f"Consumers at most, 1 to {MAX_LIMIT}.",
        ),
    ] = 10
    namespace: Annotated[
        str | None, Parameter(ExactField, "Only calls of this namespace, exactly.")
    ] = None


@dataclass(frozen=True)
class AnalyticsFirst:
    """Where the calls begin."""

    start: datetime | None


@dataclass(frozen=True)
class AnalyticsPeriod:
    """What is asked for: `to` is the end that is shown, `end` that of the calls.

    `since` is where calls count from, null for all; `start` where the first slot begins.
    """

    since: datetime | None
    start: datetime
    end: datetime
    to: datetime

    @property
    def before(self) -> datetime:
        """Where the period before of the same length begins."""
        return self.start - (self.to - self.start)


@dataclass(frozen=True)
class AnalyticsSlot:
    """Calls of a slot."""

    start: IsoMs
    end: IsoMs
    calls: Count
    allowed: Count
    denied: Count
    credits: Credits


@dataclass(frozen=True)
class AnalyticsTool:
    """Calls of a tool; the average is of allowed calls."""

    tool: str
    calls: Count
    allowed: Count
    denied: Count
    credits: Credits
    success_rate: Ratio
    avg_credits_per_call: Number


@dataclass(frozen=True)
class AnalyticsConsumer:
    """Calls of a consumer, and the tool it called most."""

    key_name: str
    calls: Count
    credits: Credits
    denied: Count
    top_tool: str


@dataclass(frozen=True)
class AnalyticsConsumerRow:
    """A consumer beside the number of all."""

    key_name: str
    calls: Count
    credits: Credits
    denied: Count
    top_tool: str
    consumers: Count


@dataclass(frozen=True)
class AnalyticsTotals:
    """All calls of the period and of the one before."""

    calls: Count
    credits: Credits
    denied: Count
    previous_calls: Count
    previous_credits: Credits
    previous_denied: Count
    calls_change: Percent | None
    credits_change: Percent | None
    denied_change: Percent | None
    success_rate: Ratio


@dataclass(frozen=True)
class AnalyticsSum:
    """All calls of a period."""

    calls: Count
    credits: Credits
    denied: Count


@dataclass(frozen=True)
class AnalyticsChange:
    """By how much a period differs from the one before; null when there was nothing."""

    calls: Percent | None
    credits: Percent | None
    denied: Percent | None


@dataclass(frozen=True)
class AnalyticsTrend:
    """The period beside the one before."""

    current: AnalyticsSum
    previous: AnalyticsSum
    change: AnalyticsChange


@dataclass(frozen=True)
class AnalyticsSummary:
    """All calls of the period; uniqueKeys counts beginnings of keys."""

    total_calls: Count
    total_credits: Credits
    total_denied: Count
    unique_keys: Count
    unique_tools: Count
    success_rate: Ratio


@dataclass(frozen=True)
class Analytics:
    """A period of calls."""

    from_: IsoMs
    to: IsoMs
    granularity: Granularity
    time_series: list[AnalyticsSlot]
    tools: list[AnalyticsTool]
    top_consumers: list[AnalyticsConsumer]
    trend: AnalyticsTrend
    summary: AnalyticsSummary


@report(Family.GATEWAY)
def analytics(params: AnalyticsParams, snapshot: Snapshot) -> Analytics:
    """Analytics.

    Metered calls of a period, the last 24 hours with both ends unless told otherwise, in slots of
    an hour or a day that begin where the period begins (of all time: with the hour or day of the
    first call; days have the length they have in the zone). credits are those of allowed calls.
    tools: most calls first; topConsumers: by the first ten characters of their keys, most credits
    first, with the name of their first call and the tool they called most. trend compares with
    the period of the same length before; change is in percent with one decimal, null where there
    was nothing before. Shares and averages are not rounded. The last slot also holds a call at
    the very end, which the gateway leaves out of its series. At most 10,000 slots.
    """
    period = _period(params, snapshot)
    only = {"namespace": params.namespace}
    span = {"start": period.since, "end": period.end, **only}
    found = snapshot.fetch(AnalyticsConsumerRow, sql.CONSUMERS, top=params.top, **span)
    tools = snapshot.fetch(AnalyticsTool, sql.TOOLS, **span)
    moments = {"start": period.start, "end": period.end, "before": period.before}
    totals = snapshot.one(AnalyticsTotals, sql.TOTALS, **moments, **only)
    return Analytics(
        from_=period.start,
        to=period.to,
        granularity=params.granularity,
        time_series=_series(params, period, snapshot),
        tools=tools,
        top_consumers=[
            AnalyticsConsumer(row.key_name, row.calls, row.credits, row.denied, row.top_tool)
            for row in found
        ],
        trend=_trend(totals),
        summary=AnalyticsSummary(
            total_calls=totals.calls,
            total_credits=totals.credits,
            total_denied=totals.denied,
            unique_keys=found[0].consumers if found else 0,
            unique_tools=len(tools),
            success_rate=totals.success_rate,
        ),
    )


def _period(params: AnalyticsParams, snapshot: Snapshot) -> AnalyticsPeriod:
    """Both ends of a window are included, as the gateway has it; other reports leave one out."""
    window = params.range(snapshot.as_of)
    since = window.start
    if since is not None and params.start is None and params.end is None:
        since -= INSTANT
    first = snapshot.one(AnalyticsFirst, sql.FIRST, unit=UNITS[params.granularity]).start
    to = params.end or snapshot.as_of
    return AnalyticsPeriod(since, since or first or to, window.end, to)


def _series(
    params: AnalyticsParams, period: AnalyticsPeriod, snapshot: Snapshot
) -> list[AnalyticsSlot]:
    starts = _starts(params, period)
    is_whole = all(start.timestamp() % QUARTER.total_seconds() == 0 for start in starts)
    asked: Mapping[str, Any] = {
        "start": period.start,
        "end": period.end,
        "slots": starts,
        "ends": [after for _, after in pairwise([*starts, period.to])],
        "namespace": params.namespace,
    }
    statement = sql.series(sql.QUARTERS if is_whole else sql.CALLS)
    return snapshot.fetch(AnalyticsSlot, statement, **asked)


def _starts(params: AnalyticsParams, period: AnalyticsPeriod) -> list[datetime]:
    is_daily = params.granularity == "daily"
    step = ONE_DAY if is_daily else HOUR
    most = (period.to - period.start) // step + 2  # a day may have 23 hours
    if most > MOST_SLOTS:
        text = f"That would be more than {MOST_SLOTS} slots."
        raise invalid("granularity", text, "too_many_slots")
    # adding days to a moment of a zone keeps the time of day
    first = period.start.astimezone(ZoneInfo(params.tz) if is_daily else UTC)
    starts = ((first + step * n).astimezone(UTC) for n in range(most))
    return [start for start in starts if start < period.to]


def _trend(totals: AnalyticsTotals) -> AnalyticsTrend:
    return AnalyticsTrend(
        current=AnalyticsSum(totals.calls, totals.credits, totals.denied),
        previous=AnalyticsSum(
            totals.previous_calls, totals.previous_credits, totals.previous_denied
        ),
        change=AnalyticsChange(totals.calls_change, totals.credits_change, totals.denied_change),
    )
