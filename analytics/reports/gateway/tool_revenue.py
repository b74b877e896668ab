"""Which tools earn the credits."""

from dataclasses import dataclass
from decimal import Decimal

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Number, Percent

TOOLS = """
select t.tool,
    t.credits as total_credits,
    t.calls as call_count,
    gateway_round(t.credits::float8 / t.calls) as avg_credits_per_call,
    t.consumers as unique_consumers,
    gateway_pct(t.credits, sum(t.credits) over ()) as percentage,
    sum(t.credits) over () as revenue
from gateway_tools(%(sources)s, %(start)s, %(end)s) t
order by t.credits desc, t.seen, t.tool collate "C"
"""


@dataclass(frozen=True)
class ToolRevenueTool:
    """The allowed calls of a tool, at list price."""

    tool: str
    total_credits: Credits
    call_count: Count
    avg_credits_per_call: Number
    unique_consumers: Count
    percentage: Percent


@dataclass(frozen=True)
class ToolRevenueRow(ToolRevenueTool):
    """A tool beside the credits of all tools."""

    revenue: Credits


@dataclass(frozen=True)
class ToolRevenueSummary:
    """All tools that were called."""

    total_tools: Count
    total_revenue: Credits
    top_tool: str | None


@dataclass(frozen=True)
class ToolRevenue:
    """Tools by credits, most first."""

    tools: list[ToolRevenueTool]
    summary: ToolRevenueSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def tool_revenue(params: GatewaySpanParams, snapshot: Snapshot) -> ToolRevenue:
    """Tool revenue.

    Allowed entries of the request log by tool, most credits first, then by first appearance.
    The log knows list prices: prices of groups, refunds and calls in batches are not in it, and
    a cache hit counts as a paid call; /admin/revenue has what was charged. avgCreditsPerCall is
    rounded to whole credits, percentage is the share of all credits. uniqueConsumers counts
    masked keys. Default window: all time.
    """
    rows = snapshot.fetch(ToolRevenueRow, TOOLS, **bounds(params.range(snapshot.as_of)))
    top = rows[0] if rows else None
    return ToolRevenue(
        tools=[*rows],
        summary=ToolRevenueSummary(
            total_tools=len(rows),
            total_revenue=top.revenue if top else Decimal(0),
            top_tool=(top and top.tool) or None,
        ),
        generated_at=snapshot.as_of,
    )
