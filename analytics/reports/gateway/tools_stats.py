"""What was asked of the tools, and how they did; or of one tool in detail."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from analytics.params import GatewaySpanParams, Parameter
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.reports.gateway._exact import ExactField
from analytics.units import OMITTED, Count, Credits, Millis, Percent

TOOLS = """
select r.tool, sum(r.calls)::bigint as total_calls,
    coalesce(sum(r.calls) filter (where r.allowed), 0)::bigint as allowed,
    coalesce(sum(r.calls) filter (where not r.allowed), 0)::bigint as denied,
    gateway_rate(coalesce(sum(r.calls) filter (where r.allowed), 0), sum(r.calls))
        as success_rate,
    sum(r.credits) as total_credits,
    gateway_round((sum(r.duration) / sum(r.calls))::float8) as avg_duration_ms
from gateway_log_kinds(%(sources)s, %(start)s, %(end)s) r
where %(tool)s::text is null or r.tool = %(tool)s
group by r.tool
order by total_calls desc, min(r.seen), r.tool collate "C"
"""

ALL = """
select coalesce(sum(r.requests), 0)::bigint as calls
from gateway_log_hours(%(sources)s, %(start)s, %(end)s, 'UTC') r
"""

# The shortest duration that 95 of 100 requests do not exceed.
SLOW = """
select coalesce(percentile_disc(0.95) within group (order by r.duration_ms), 0) as p95_duration_ms
from gateway_requests(%(sources)s, %(start)s, %(end)s) r
where r.tool = %(tool)s
"""

REASONS = """
select r.deny_reason as reason, sum(r.calls)::bigint as count
from gateway_log_kinds(%(sources)s, %(start)s, %(end)s) r
where r.tool = %(tool)s and not r.allowed
group by r.deny_reason
order by gateway_member(r.deny_reason) nulls last, min(r.seen)
"""

CONSUMERS = """
select r.mask as key, sum(r.calls)::bigint as calls, sum(r.credits) as credits
from gateway_log_kinds(%(sources)s, %(start)s, %(end)s) r
where r.tool = %(tool)s
group by r.source_id, r.mask
order by calls desc, min(r.seen)
limit 10
"""


@dataclass(frozen=True, kw_only=True)
class ToolsStatsParams(GatewaySpanParams):
    """Of all tools or of one."""

    tool: Annotated[str | None, Parameter(ExactField, "One tool in detail, by its exact name.")] = (
        None
    )


@dataclass(frozen=True)
class ToolsStatsTool:
    """The requests for a tool."""

    tool: str
    total_calls: Count
    allowed: Count
    denied: Count
    success_rate: Percent
    total_credits: Credits
    avg_duration_ms: Millis


@dataclass(frozen=True)
class ToolsStatsAll:
    """The requests for all tools."""

    calls: Count


@dataclass(frozen=True)
class ToolsStatsSlow:
    """How long requests take at most, but for the slowest 5 of 100."""

    p95_duration_ms: Millis


@dataclass(frozen=True)
class ToolsStatsReason:
    """Why requests were denied."""

    reason: str
    count: Count


@dataclass(frozen=True)
class ToolsStatsConsumer:
    """The requests of a key, by its mask."""

    key: str
    calls: Count
    credits: Credits


@dataclass(frozen=True)
class ToolsStats:
    """All tools, or one tool in detail: the members of the other are left out."""

    tool: Annotated[str | None, OMITTED] = None
    total_tools: Annotated[Count | None, OMITTED] = None
    total_calls: Count = 0
    tools: Annotated[list[ToolsStatsTool] | None, OMITTED] = None
    allowed: Annotated[Count | None, OMITTED] = None
    denied: Annotated[Count | None, OMITTED] = None
    success_rate: Annotated[Percent | None, OMITTED] = None
    total_credits: Annotated[Credits | None, OMITTED] = None
    avg_duration_ms: Annotated[Millis | None, OMITTED] = None
    p95_duration_ms: Annotated[Millis | None, OMITTED] = None
    deny_reasons: Annotated[dict[str, Count] | None, OMITTED] = None
    top_consumers: Annotated[list[ToolsStatsConsumer] | None, OMITTED] = None


@report(Family.GATEWAY)
def tools_stats(params: ToolsStatsParams, snapshot: Snapshot) -> ToolsStats:
    """Tool statistics.

    Entries of the request log by tool, most requests first, then first appearance: how many were
    allowed and denied, the share allowed in percent with two decimals, list-price credits and the
    average duration, denied ones included. With `tool` the answer is of that tool alone, with the
    duration that 95 of 100 requests do not exceed, reasons of denial in order of appearance and
    the 10 keys, by mask, that asked most often; a tool nobody asked for has zeros. The request
    log misses what the gateway does not log (calls of batches, for one) and charges cached answers.
    Default window: all time.
    """
    span = bounds(params.range(snapshot.as_of))
    rows = snapshot.fetch(ToolsStatsTool, TOOLS, tool=params.tool, **span)
    if params.tool is not None:
        return _of_one(rows[0] if rows else _unused(params.tool), snapshot, span)
    return ToolsStats(
        total_tools=len(rows),
        total_calls=snapshot.one(ToolsStatsAll, ALL, **span).calls,
        tools=rows,
    )


def _unused(tool: str) -> ToolsStatsTool:
    return ToolsStatsTool(tool, 0, 0, 0, Decimal(0), Decimal(0), Decimal(0))


def _of_one(
    found: ToolsStatsTool, snapshot: Snapshot, span: dict[str, datetime | None]
) -> ToolsStats:
    tool = found.tool
    slow = snapshot.one(ToolsStatsSlow, SLOW, tool=tool, **span)
    reasons = snapshot.fetch(ToolsStatsReason, REASONS, tool=tool, **span)
    return ToolsStats(
        tool=tool,
        total_calls=found.total_calls,
        allowed=found.allowed,
        denied=found.denied,
        success_rate=found.success_rate,
        total_credits=found.total_credits,
        avg_duration_ms=found.avg_duration_ms,
        p95_duration_ms=slow.p95_duration_ms,
        deny_reasons={reason.reason: reason.count for reason in reasons},
        top_consumers=snapshot.fetch(ToolsStatsConsumer, CONSUMERS, tool=tool, **span),
    )
