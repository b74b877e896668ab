"""Why requests were denied."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, IsoMs, Percent

REASONS = """
select e.reason,
    sum(e.denied)::bigint as count,
    gateway_pct(sum(e.denied), sum(sum(e.denied)) over ()) as percentage,
    count(*) as affected_consumers
from (
    select r.deny_reason as reason, sum(r.calls) as denied, min(r.seen) as seen
    from gateway_log_kinds(%(sources)s, %(start)s, %(end)s) r
    where not r.allowed
    group by r.source_id, r.mask, r.deny_reason
) e
group by e.reason
order by 2 desc, min(e.seen), e.reason collate "C"
"""

SUMMARY = """
select r.denied as total_denied,
    r.requests - r.denied as total_allowed,
    gateway_pct(r.denied, r.requests) as error_rate
from (
    select coalesce(sum(q.requests), 0)::bigint as requests,
        coalesce(sum(q.requests - q.allowed), 0)::bigint as denied
    from gateway_log_hours(%(sources)s, %(start)s, %(end)s, 'UTC') q
) r
"""


@dataclass(frozen=True)
class ErrorBreakdownReason:
    """The requests denied for a reason."""

    reason: str
    count: Count
    percentage: Percent
    affected_consumers: Count


@dataclass(frozen=True)
class ErrorBreakdownSummary:
    """All requests."""

    total_denied: Count
    total_allowed: Count
    error_rate: Percent


@dataclass(frozen=True)
class ErrorBreakdown:
    """Reasons by the requests they denied, most first."""

    errors: list[ErrorBreakdownReason]
    summary: ErrorBreakdownSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def error_breakdown(params: GatewaySpanParams, snapshot: Snapshot) -> ErrorBreakdown:
    """Error breakdown.

    Denied entries of the request log by the exact text of their reason, `unknown` when there is
    none; most first, then by first appearance. Failures of the tool behind the gateway are
    among them, their text being the tool's. percentage is the share of all denied requests,
    affectedConsumers counts masked keys, errorRate is the share of denied among all requests.
    Default window: all time.
    """
    span = bounds(params.range(snapshot.as_of))
    return ErrorBreakdown(
        errors=snapshot.fetch(ErrorBreakdownReason, REASONS, **span),
        summary=snapshot.one(ErrorBreakdownSummary, SUMMARY, **span),
        generated_at=snapshot.as_of,
    )
