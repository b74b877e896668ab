"""What a call of each tool brings."""

from dataclasses import dataclass
from decimal import Decimal

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Number

TOOLS = """
select t.tool,
    t.calls as total_calls,
    t.credits as total_revenue,
    gateway_round(t.credits::float8 / t.calls, 2) as avg_revenue_per_call,
    t.consumers as caller_count,
    sum(t.credits) over () as revenue
from gateway_tools(%(sources)s, %(start)s, %(end)s) t
order by t.credits desc, t.seen, t.tool collate "C"
"""


@dataclass(frozen=True)
class ToolProfitabilityTool:
    """The allowed calls of a tool and the credits they brought, at list price."""

    tool: str
    total_calls: Count
    total_revenue: Credits
    avg_revenue_per_call: Number
    caller_count: Count


@dataclass(frozen=True)
class ToolProfitabilityRow(ToolProfitabilityTool):
    """A tool beside the credits of all tools."""

    revenue: Credits


@dataclass(frozen=True)
class ToolProfitabilitySummary:
    """The tools with the most and the fewest credits."""

    total_revenue: Credits
    most_profitable: str | None
    least_profitable: str | None


@dataclass(frozen=True)
class ToolProfitability:
    """Tools by credits, most first."""

    tools: list[ToolProfitabilityTool]
    summary: ToolProfitabilitySummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def tool_profitability(params: GatewaySpanParams, snapshot: Snapshot) -> ToolProfitability:
    """Tool profitability.

    Allowed entries of the request log by tool, most credits first, then by first appearance.
    Profit means credits at list price here: what the tool costs its operator is not known to
    the gateway. avgRevenuePerCall has two decimals; mostProfitable and leastProfitable are the
    first and the last tool of the list. Default window: all time.
    """
    rows = snapshot.fetch(ToolProfitabilityRow, TOOLS, **bounds(params.range(snapshot.as_of)))
    return ToolProfitability(
        tools=[*rows],
        summary=ToolProfitabilitySummary(
            total_revenue=rows[0].revenue if rows else Decimal(0),
            most_profitable=rows[0].tool if rows else None,
            least_profitable=rows[-1].tool if rows else None,
        ),
        generated_at=snapshot.as_of,
    )
