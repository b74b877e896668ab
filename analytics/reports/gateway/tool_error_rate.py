"""Which tools are refused or fail most."""

from dataclasses import dataclass
from decimal import Decimal

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, IsoMs, Percent

TOOLS = """
select t.tool,
    t.requests as total_requests,
    t.requests - t.denied as allowed,
    t.denied,
    gateway_rate(t.denied, t.requests) as error_rate,
    gateway_rate(sum(t.denied) over (), sum(t.requests) over ()) as overall
from (
    select coalesce(nullif(r.tool, ''), 'unknown') as tool,
        sum(r.calls)::bigint as requests,
        coalesce(sum(r.calls) filter (where not r.allowed), 0)::bigint as denied,
        min(r.seen) as seen
    from gateway_log_kinds(%(sources)s, %(start)s, %(end)s) r
    group by 1
) t
order by error_rate desc, t.requests desc, t.seen, t.tool collate "C"
"""


@dataclass(frozen=True)
class ToolErrorRateTool:
    """The requests for a tool."""

    tool: str
    total_requests: Count
    allowed: Count
    denied: Count
    error_rate: Percent


@dataclass(frozen=True)
class ToolErrorRateRow(ToolErrorRateTool):
    """A tool beside the error rate of all tools."""

    overall: Percent


@dataclass(frozen=True)
class ToolErrorRateSummary:
    """All tools that were asked for."""

    total_tools: Count
    overall_error_rate: Percent
    highest_error_tool: str | None


@dataclass(frozen=True)
class ToolErrorRate:
    """Tools by error rate, highest first."""

    tools: list[ToolErrorRateTool]
    summary: ToolErrorRateSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def tool_error_rate(params: GatewaySpanParams, snapshot: Snapshot) -> ToolErrorRate:
    """Tool error rate.

    Entries of the request log by tool. An error is an entry that is denied: refused by the
    gateway or failed in the tool behind it. Rates are percentages with two decimals. Highest
    rate first, then most requests, then first appearance; highestErrorTool is null without
    errors. A request without a tool counts as tool `unknown`. Default window: all time.
    """
    rows = snapshot.fetch(ToolErrorRateRow, TOOLS, **bounds(params.range(snapshot.as_of)))
    top = rows[0] if rows else None
    return ToolErrorRate(
        tools=[*rows],
        summary=ToolErrorRateSummary(
            total_tools=len(rows),
            overall_error_rate=top.overall if top else Decimal(0),
            highest_error_tool=top.tool if top and top.error_rate else None,
        ),
        generated_at=snapshot.as_of,
    )
