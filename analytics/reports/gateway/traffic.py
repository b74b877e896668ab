"""How many calls come, of what, when and from whom."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Credits, Ratio

TOTALS = """
with sums as not materialized (
    select * from gateway_sums(%(sources)s, %(start)s, %(end)s, null)
)
select t.part, t.label, t.calls, t.allowed, t.denied, t.credits,
    (select count(*) from sums s where s.part = 'name') as names,
    (select count(*) from sums s where s.part = 'tool') as tools,
    coalesce(gateway_round(t.allowed::float8 / nullif(t.calls, 0), 4), 0) as success_rate
from (
    select s.* from sums s where s.part in ('all', 'namespace', 'tool')
    union all
    (select s.* from sums s where s.part = 'name' order by s.calls desc, s.first limit 10)
) t
order by t.part, t.calls desc, t.first
"""

HOURS = """
select gateway_hour(h.hour, %(zone)s) as hour, h.calls, h.allowed, h.denied, h.credits
from (
    select t.hour, t.calls, t.allowed, t.denied, t.credits
    from gateway_hours(%(sources)s, %(start)s, %(end)s, null, %(zone)s) t
    order by t.hour desc
    limit 24
) h
order by h.hour
"""


@dataclass(frozen=True)
class TrafficTotal:
    """Calls of a tool, a name or a namespace, or all calls."""

    part: str
    label: str
    calls: Count
    allowed: Count
    denied: Count
    credits: Credits
    names: Count
    tools: Count
    success_rate: Ratio


@dataclass(frozen=True)
class TrafficSummary:
    """All calls; uniqueKeys counts names."""

    total_calls: Count
    total_allowed: Count
    total_denied: Count
    success_rate: Ratio
    unique_keys: Count
    unique_tools: Count
    peak_hour: str | None
    peak_hour_calls: Count


@dataclass(frozen=True)
class TrafficTool:
    """Calls of a tool."""

    tool: str
    calls: Count
    success_rate: Ratio
    credits: Credits


@dataclass(frozen=True)
class TrafficHour:
    """Calls of an hour."""

    hour: str
    calls: Count
    allowed: Count
    denied: Count
    credits: Credits


@dataclass(frozen=True)
class TrafficConsumer:
    """Calls of a name."""

    name: str
    calls: Count
    success_rate: Ratio
    credits: Credits


@dataclass(frozen=True)
class TrafficNamespace:
    """Calls of a namespace."""

    namespace: str
    calls: Count
    allowed: Count
    credits: Credits


@dataclass(frozen=True)
class Traffic:
    """Lists by calls, the most first."""

    summary: TrafficSummary
    tool_popularity: list[TrafficTool]
    hourly_volume: list[TrafficHour]
    top_consumers: list[TrafficConsumer]
    by_namespace: list[TrafficNamespace]


@report(Family.GATEWAY)
def traffic(params: GatewaySpanParams, snapshot: Snapshot) -> Traffic:
    """Traffic.

    Metered calls by tool, by name (the first 10), by namespace (calls that name none are default)
    and by hour: the last 24 hours that have calls. Rates are allowed calls per call, with four
    decimals. The peak is sought within those 24 hours only, not in the whole range; of equal ones
    it is the first. Keys of equal name count as one.
    """
    span = bounds(params.range(snapshot.as_of))
    rows = snapshot.fetch(TrafficTotal, TOTALS, **span)
    hours = snapshot.fetch(TrafficHour, HOURS, **span)
    return Traffic(
        summary=_summary(next(r for r in rows if r.part == "all"), hours),
        tool_popularity=[
            TrafficTool(r.label, r.calls, r.success_rate, r.credits)
            for r in rows
            if r.part == "tool"
        ],
        hourly_volume=hours,
        top_consumers=[
            TrafficConsumer(r.label, r.calls, r.success_rate, r.credits)
            for r in rows
            if r.part == "name"
        ],
        by_namespace=[
            TrafficNamespace(r.label, r.calls, r.allowed, r.credits)
            for r in rows
            if r.part == "namespace"
        ],
    )


def _summary(total: TrafficTotal, hours: list[TrafficHour]) -> TrafficSummary:
    peak = max(hours, key=lambda hour: hour.calls, default=None)
    return TrafficSummary(
        total_calls=total.calls,
        total_allowed=total.allowed,
        total_denied=total.denied,
        success_rate=total.success_rate,
        unique_keys=total.names,
        unique_tools=total.tools,
        peak_hour=peak.hour if peak else None,
        peak_hour_calls=peak.calls if peak else 0,
    )
