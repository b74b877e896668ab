"""Which tools are called most."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Percent

TOOLS = """
select t.tool,
    t.calls as total_calls,
    t.credits as total_credits,
    t.consumers as unique_consumers,
    gateway_pct(t.calls, sum(t.calls) over ()) as percentage,
    sum(t.calls) over ()::bigint as all_calls
from gateway_tools(%(sources)s, %(start)s, %(end)s) t
order by t.calls desc, t.seen, t.tool collate "C"
"""


@dataclass(frozen=True)
class ToolPopularityTool:
    """The allowed calls of a tool."""

    tool: str
    total_calls: Count
    total_credits: Credits
    unique_consumers: Count
    percentage: Percent


@dataclass(frozen=True)
class ToolPopularityRow(ToolPopularityTool):
    """A tool beside the calls of all tools."""

    all_calls: Count


@dataclass(frozen=True)
class ToolPopularitySummary:
    """All tools that were called."""

    total_tools: Count
    total_calls: Count
    most_popular: str | None


@dataclass(frozen=True)
class ToolPopularity:
    """Tools by calls, most first."""

    tools: list[ToolPopularityTool]
    summary: ToolPopularitySummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def tool_popularity(params: GatewaySpanParams, snapshot: Snapshot) -> ToolPopularity:
    """Tool popularity.

    Allowed entries of the request log by tool, most calls first, then by first appearance.
    Cache hits are among the calls, calls in batches are not; credits are list prices.
    uniqueConsumers counts masked keys, percentage is the share of all allowed calls. Default
    window: all time.
    """
    rows = snapshot.fetch(ToolPopularityRow, TOOLS, **bounds(params.range(snapshot.as_of)))
    top = rows[0] if rows else None
    return ToolPopularity(
        tools=[*rows],
        summary=ToolPopularitySummary(
            total_tools=len(rows),
            total_calls=top.all_calls if top else 0,
            most_popular=(top and top.tool) or None,
        ),
        generated_at=snapshot.as_of,
    )
