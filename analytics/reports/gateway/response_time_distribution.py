"""How long calls take."""

from dataclasses import dataclass
from typing import Annotated

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import OMITTED, Count, IsoMs, Millis, Percent

BUCKETS = """
select b.label as range,
    sum(d.calls)::bigint as count,
    gateway_pct(sum(d.calls), d.total) as percentage
from (
    select r.duration_ms, sum(r.calls) as calls, sum(sum(r.calls)) over () as total
    from gateway_log_durations(%(sources)s, %(start)s, %(end)s) r
    group by r.duration_ms
) d
join (values
    (0, '0-50ms', 0, 50), (1, '51-100ms', 51, 100), (2, '101-250ms', 101, 250),
    (3, '251-500ms', 251, 500), (4, '501-1000ms', 501, 1000), (5, '1001ms+', 1001, null)
) b (n, label, low, high)
    on d.duration_ms >= b.low and (b.high is null or d.duration_ms <= b.high)
group by b.n, b.label, d.total
order by b.n
"""

# Nearest rank: the shortest duration that so many calls do not exceed.
SUMMARY = """
select coalesce(sum(d.calls), 0)::bigint as total_requests,
    coalesce(gateway_round((sum(d.duration_ms * d.calls) / sum(d.calls))::float8), 0)
        as avg_response_time,
    min(d.duration_ms) filter (where d.so_far >= ceil(0.50::float8 * d.total)) as p50,
    min(d.duration_ms) filter (where d.so_far >= ceil(0.95::float8 * d.total)) as p95,
    min(d.duration_ms) filter (where d.so_far >= ceil(0.99::float8 * d.total)) as p99
from (
    select r.duration_ms, sum(r.calls) as calls, sum(sum(r.calls)) over () as total,
        sum(sum(r.calls)) over (order by r.duration_ms) as so_far
    from gateway_log_durations(%(sources)s, %(start)s, %(end)s) r
    group by r.duration_ms
) d
"""


@dataclass(frozen=True)
class ResponseTimeDistributionBucket:
    """Calls that took so long."""

    range: str
    count: Count
    percentage: Percent


@dataclass(frozen=True)
class ResponseTimeDistributionSummary:
    """All allowed calls."""

    total_requests: Count
    avg_response_time: Millis
    p50: Annotated[Millis | None, OMITTED] = None
    p95: Annotated[Millis | None, OMITTED] = None
    p99: Annotated[Millis | None, OMITTED] = None


@dataclass(frozen=True)
class ResponseTimeDistribution:
    """Ranges of durations that have calls, from short to long."""

    buckets: list[ResponseTimeDistributionBucket]
    summary: ResponseTimeDistributionSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def response_time_distribution(
    params: GatewaySpanParams, snapshot: Snapshot
) -> ResponseTimeDistribution:
    """Response time distribution.

    Allowed entries of the request log by duration in milliseconds; ranges without calls are
    left out. Denied entries, among them calls that failed in the tool, are not counted. The
    average is rounded, p50, p95 and p99 are nearest ranks: durations that occurred. They are
    absent without calls. Default window: all time.
    """
    span = bounds(params.range(snapshot.as_of))
    return ResponseTimeDistribution(
        buckets=snapshot.fetch(ResponseTimeDistributionBucket, BUCKETS, **span),
        summary=snapshot.one(ResponseTimeDistributionSummary, SUMMARY, **span),
        generated_at=snapshot.as_of,
    )
