"""What calls brought in, by tool, name and hour."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Credits, Number

TOTALS = """
with sums as not materialized (
    select * from gateway_sums(%(sources)s, %(start)s, %(end)s, null)
)
select t.part, t.label, t.credits, t.allowed,
    coalesce(gateway_round(t.credits::float8 / nullif(t.allowed, 0), 2), 0) as average
from (
    select s.* from sums s where s.part = 'all' or (s.part = 'tool' and s.allowed > 0)
    union all
    (select s.* from sums s where s.part = 'name' and s.allowed > 0
     order by s.credits desc, s.first_allowed limit 10)
) t
order by t.part, t.credits desc, t.first_allowed
"""

HOURS = """
select gateway_hour(h.hour, %(zone)s) as hour, h.credits as revenue, h.allowed as calls
from gateway_hours(%(sources)s, %(start)s, %(end)s, null, %(zone)s) h
where h.allowed > 0
order by h.hour
"""

FLOW = """
select coalesce(sum(k.allocated), 0) as total_allocated, coalesce(sum(k.spent), 0) as total_spent,
    coalesce(sum(k.credits), 0) as total_remaining
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_live
"""


@dataclass(frozen=True)
class RevenueTotal:
    """Allowed calls of a tool or a name, or all of them."""

    part: str
    label: str
    credits: Credits
    allowed: Count
    average: Number


@dataclass(frozen=True)
class RevenueSummary:
    """All allowed calls."""

    total_revenue: Credits
    total_calls: Count
    average_revenue_per_call: Number


@dataclass(frozen=True)
class RevenueTool:
    """Allowed calls of a tool."""

    tool: str
    revenue: Credits
    calls: Count
    average_per_call: Number


@dataclass(frozen=True)
class RevenueKey:
    """Allowed calls of a name."""

    name: str
    revenue: Credits
    calls: Count


@dataclass(frozen=True)
class RevenueHour:
    """Allowed calls of an hour."""

    hour: str
    revenue: Credits
    calls: Count


@dataclass(frozen=True)
class RevenueCreditFlow:
    """Active keys, suspended ones too."""

    total_allocated: Credits
    total_spent: Credits
    total_remaining: Credits


@dataclass(frozen=True)
class Revenue:
    """Tools and names by revenue, the most first."""

    summary: RevenueSummary
    by_tool: list[RevenueTool]
    by_key: list[RevenueKey]
    hourly_revenue: list[RevenueHour]
    credit_flow: RevenueCreditFlow


@report(Family.GATEWAY)
def revenue(params: GatewaySpanParams, snapshot: Snapshot) -> Revenue:
    """Revenue.

    Credits charged for allowed metered calls, by tool, by name (the first 10; keys of equal name
    count as one) and by every hour that has such calls. A refund counts as a call with negative
    revenue, as the gateway counts it: revenue is right, calls are one too many and averages too
    low. creditFlow is of the keys that are active now, suspended and expired ones too, whatever
    range is asked for; what was allocated is what a key holds and has spent.
    """
    span = bounds(params.range(snapshot.as_of))
    rows = snapshot.fetch(RevenueTotal, TOTALS, **span)
    return Revenue(
        summary=next(
            RevenueSummary(r.credits, r.allowed, r.average) for r in rows if r.part == "all"
        ),
        by_tool=[
            RevenueTool(r.label, r.credits, r.allowed, r.average) for r in rows if r.part == "tool"
        ],
        by_key=[RevenueKey(r.label, r.credits, r.allowed) for r in rows if r.part == "name"],
        hourly_revenue=snapshot.fetch(RevenueHour, HOURS, **span),
        credit_flow=snapshot.one(RevenueCreditFlow, FLOW),
    )
