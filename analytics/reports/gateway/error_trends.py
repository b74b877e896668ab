"""Whether requests are denied more often than before."""

from dataclasses import dataclass
from typing import Literal

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, IsoMs, Percent

# The middle of the log is found by counting hours; only the hour it lies in is put in order.
SUMMARY = """
with hours as (
    select r.hour, sum(r.requests) as calls, sum(r.requests - r.allowed) as denials
    from gateway_log_hours(%(sources)s, %(start)s, %(end)s, 'UTC') r
    group by 1
), running as (
    select h.hour, h.calls, sum(h.calls) over so_far - h.calls as calls_before,
        sum(h.denials) over so_far - h.denials as denials_before
    from hours h
    window so_far as (order by h.hour)
), totals as (
    select coalesce(sum(h.calls), 0)::bigint as calls,
        coalesce(sum(h.denials), 0)::bigint as denials
    from hours h
), middle as (
    select r.denials_before + (
        select count(*) filter (where not q.allowed)
        from (
            select p.allowed
            from gateway_requests(%(sources)s, %(start)s, %(end)s) p
            where p.at >= r.hour and p.at < r.hour + interval '1 hour'
            order by p.seen
            limit (t.calls / 2 - r.calls_before)::bigint
        ) q
    ) as denials
    from running r
    cross join totals t
    where t.calls / 2 >= r.calls_before and t.calls / 2 < r.calls_before + r.calls
)
select t.calls as total_calls,
    t.denials as total_denials,
    gateway_rate(t.denials, t.calls) as overall_error_rate,
    case
        when t.calls < 4 then 'stable'
        when c.change > 0.05::float8 then 'degrading'
        when c.change < -0.05::float8 then 'improving'
        else 'stable'
    end as trend
from totals t
left join middle m on true
left join lateral (
    select (t.denials - m.denials)::float8 / (t.calls - t.calls / 2)
        - m.denials::float8 / nullif(t.calls / 2, 0) as change
) c on true
"""

TOOLS = """
select r.tool,
    sum(r.calls)::bigint as total_calls,
    coalesce(sum(r.calls) filter (where not r.allowed), 0)::bigint as denials,
    gateway_rate(coalesce(sum(r.calls) filter (where not r.allowed), 0), sum(r.calls))
        as error_rate
from gateway_log_kinds(%(sources)s, %(start)s, %(end)s) r
group by r.tool
order by error_rate desc, min(r.seen), r.tool collate "C"
"""

REASONS = """
select r.deny_reason as reason, sum(r.calls)::bigint as count
from gateway_log_kinds(%(sources)s, %(start)s, %(end)s) r
where not r.allowed
group by r.deny_reason
order by 2 desc, min(r.seen), r.deny_reason collate "C"
"""


@dataclass(frozen=True)
class ErrorTrendsSummary:
    """All requests, and how the later half compares with the earlier one."""

    total_calls: Count
    total_denials: Count
    overall_error_rate: Percent
    trend: Literal["improving", "degrading", "stable"]


@dataclass(frozen=True)
class ErrorTrendsTool:
    """The requests for a tool."""

    tool: str
    total_calls: Count
    denials: Count
    error_rate: Percent


@dataclass(frozen=True)
class ErrorTrendsReason:
    """The requests denied for a reason."""

    reason: str
    count: Count


@dataclass(frozen=True)
class ErrorTrends:
    """The direction, and denials by tool and by reason."""

    summary: ErrorTrendsSummary
    by_tool: list[ErrorTrendsTool]
    denial_reasons: list[ErrorTrendsReason]
    generated_at: IsoMs


@report(Family.GATEWAY)
def error_trends(params: GatewaySpanParams, snapshot: Snapshot) -> ErrorTrends:
    """Error trends.

    Compares the denied share of the later half of the request log with that of the earlier
    half, halves by number of entries: more than 5 points up is degrading, more than 5 points
    down improving, all else, and fewer than four entries, stable. A half may be a minute or a
    month long. byTool is by error rate (percent with two decimals), highest first,
    denialReasons by count; ties by first appearance. Default window: all time.
    """
    span = bounds(params.range(snapshot.as_of))
    return ErrorTrends(
        summary=snapshot.one(ErrorTrendsSummary, SUMMARY, **span),
        by_tool=snapshot.fetch(ErrorTrendsTool, TOOLS, **span),
        denial_reasons=snapshot.fetch(ErrorTrendsReason, REASONS, **span),
        generated_at=snapshot.as_of,
    )
