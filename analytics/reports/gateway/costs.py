"""What calls cost, by tool, namespace, hour and spender."""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from analytics.params import EARLIEST, LATEST, MILLISECOND, GatewaySpanParams, Parameter
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.reports.gateway._exact import ExactField
from analytics.units import Count, Credits, Number, iso_ms

TOTALS = """
with sums as not materialized (
    select * from gateway_sums(%(sources)s, %(start)s, %(end)s, %(namespace)s)
)
select t.part, t.label, t.calls, t.allowed, t.denied, t.credits,
    coalesce(gateway_round(t.credits::float8 / nullif(t.allowed, 0), 2), 0) as average
from (
    select s.* from sums s where s.part in ('all', 'namespace', 'tool')
    union all
    (select s.* from sums s where s.part = 'name' order by s.credits desc, s.first limit 10)
) t
order by t.part, t.credits desc, t.first
"""

HOURS = """
select gateway_hour(h.hour, %(zone)s) as hour, h.calls, h.credits, h.denied
from (
    select t.hour, t.calls, t.credits, t.denied
    from gateway_hours(%(sources)s, %(start)s, %(end)s, %(namespace)s, %(zone)s) t
    order by t.hour desc
    limit 24
) h
order by h.hour
"""


@dataclass(frozen=True, kw_only=True)
class CostsParams(GatewaySpanParams):
    """Calls of one namespace, or since a moment written as the gateway writes it."""

    namespace: Annotated[
        str | None, Parameter(ExactField, "Only calls of this namespace, exactly.")
    ] = None
    since: Annotated[
        str | None,
        Parameter(
            ExactField,
            "Only calls whose time, as text with milliseconds, does not sort before this text.",
        ),
    ] = None


@dataclass(frozen=True)
class CostsTotal:
    """Calls of a tool, a name or a namespace, or all calls."""

    part: str
    label: str
    calls: Count
    allowed: Count
    denied: Count
    credits: Credits
    average: Number


@dataclass(frozen=True)
class CostsSummary:
    """All calls; avgCostPerCall is over the allowed ones."""

    total_credits: Credits
    total_calls: Count
    total_allowed: Count
    total_denied: Count
    avg_cost_per_call: Number


@dataclass(frozen=True)
class CostsTool:
    """Calls of a tool; avgCost is over the allowed ones."""

    tool: str
    calls: Count
    credits: Credits
    denied: Count
    avg_cost: Number


@dataclass(frozen=True)
class CostsNamespace:
    """Calls of a namespace."""

    namespace: str
    calls: Count
    credits: Credits
    denied: Count


@dataclass(frozen=True)
class CostsHour:
    """Calls of an hour."""

    hour: str
    calls: Count
    credits: Credits
    denied: Count


@dataclass(frozen=True)
class CostsSpender:
    """Calls of a name."""

    name: str
    calls: Count
    credits: Credits
    denied: Count


@dataclass(frozen=True)
class Costs:
    """Lists by credits, the most first."""

    summary: CostsSummary
    per_tool: list[CostsTool]
    per_namespace: list[CostsNamespace]
    hourly_trends: list[CostsHour]
    top_spenders: list[CostsSpender]


@report(Family.GATEWAY)
def costs(params: CostsParams, snapshot: Snapshot) -> Costs:
    """Costs.

    Credits charged for metered calls, by tool, by namespace (calls that name none are default),
    by name (the first 10) and by hour: the last 24 hours that have calls. Averages are per allowed
    call. A refund is an allowed call with negative credits. Names, not keys: keys of equal name
    are one spender, and calls by keys unknown to the gateway are "unknown". namespace matches
    what the call itself named, so namespace=default finds nothing of calls that name none.
    since compares text, as the gateway does: 2026-02-01T00:00:00Z leaves out calls at any
    fraction of that very second, 2026-02-01T00:00:00.000Z keeps them.
    """
    asked = {**_bounds(params, snapshot.as_of), "namespace": params.namespace}
    rows = snapshot.fetch(CostsTotal, TOTALS, **asked)
    return Costs(
        summary=next(
            CostsSummary(r.credits, r.calls, r.allowed, r.denied, r.average)
            for r in rows
            if r.part == "all"
        ),
        per_tool=[
            CostsTool(r.label, r.calls, r.credits, r.denied, r.average)
            for r in rows
            if r.part == "tool"
        ],
        per_namespace=[
            CostsNamespace(r.label, r.calls, r.credits, r.denied)
            for r in rows
            if r.part == "namespace"
        ],
        hourly_trends=snapshot.fetch(CostsHour, HOURS, **asked),
        top_spenders=[
            CostsSpender(r.label, r.calls, r.credits, r.denied) for r in rows if r.part == "name"
        ],
    )


def _bounds(params: CostsParams, as_of: datetime) -> dict[str, datetime | None]:
    span = params.range(as_of)
    starts = [span.start] if span.start else []
    if params.since is not None:
        starts.append(_first_moment(params.since))
    return {"start": max(starts, default=None), "end": span.end}


def _first_moment(since: str) -> datetime:
    """The first millisecond whose text does not sort before `since`; LATEST when there is none."""
    moments = range((LATEST - EARLIEST) // MILLISECOND)
    place = bisect_left(moments, since, key=lambda n: iso_ms(EARLIEST + n * MILLISECOND))
    return EARLIEST + place * MILLISECOND
