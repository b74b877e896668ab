"""How many requests came in each hour."""

from dataclasses import dataclass
from decimal import Decimal

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Millis

HOURS = """
select gateway_local(h.slot, %(zone)s, '') as hour,
    h.total,
    h.allowed,
    h.total - h.allowed as denied,
    h.credits,
    gateway_round(h.duration::float8 / h.total) as avg_duration_ms,
    sum(h.total) over ()::bigint as all_requests,
    sum(h.allowed) over ()::bigint as all_allowed,
    sum(h.credits) over () as all_credits,
    gateway_round((sum(h.duration) over ())::float8 / (sum(h.total) over ())::float8)
        as all_avg_duration_ms,
    rank() over (order by h.total desc, h.slot) as place
from (
    select r.hour as slot, sum(r.requests)::bigint as total, sum(r.allowed)::bigint as allowed,
        sum(r.credits) as credits, sum(r.duration) as duration
    from gateway_log_hours(%(sources)s, %(start)s, %(end)s, %(zone)s) r
    group by 1
) h
order by h.slot
"""


@dataclass(frozen=True)
class RequestTrendsHour:
    """The requests of an hour."""

    hour: str
    total: Count
    allowed: Count
    denied: Count
    credits: Credits
    avg_duration_ms: Millis


@dataclass(frozen=True)
class RequestTrendsRow(RequestTrendsHour):
    """An hour beside the figures of all hours; place 1 has the most requests."""

    all_requests: Count
    all_allowed: Count
    all_credits: Credits
    all_avg_duration_ms: Millis
    place: Count


@dataclass(frozen=True)
class RequestTrendsPeak:
    """The hour with the most requests."""

    hour: str
    total: Count


@dataclass(frozen=True)
class RequestTrendsSummary:
    """All requests."""

    total_requests: Count
    total_allowed: Count
    total_denied: Count
    total_credits: Credits
    avg_duration_ms: Millis
    peak_hour: RequestTrendsPeak | None


@dataclass(frozen=True)
class RequestTrends:
    """All requests, and those of each hour, earliest first."""

    summary: RequestTrendsSummary
    hourly: list[RequestTrendsHour]
    generated_at: IsoMs


@report(Family.GATEWAY)
def request_trends(params: GatewaySpanParams, snapshot: Snapshot) -> RequestTrends:
    """Request trends.

    Entries of the request log by the hour in which they were completed, earliest first; hours
    without requests are left out. credits are list prices of allowed requests. Average
    durations are rounded and include denied requests, most of which take no time. peakHour is
    the first of the busiest hours, null without requests. Hours are those of `tz`. Default
    window: all time.
    """
    rows = snapshot.fetch(RequestTrendsRow, HOURS, **bounds(params.range(snapshot.as_of)))
    peak = next((row for row in rows if row.place == 1), None)
    return RequestTrends(
        summary=_summary(peak),
        hourly=[*rows],
        generated_at=snapshot.as_of,
    )


def _summary(peak: RequestTrendsRow | None) -> RequestTrendsSummary:
    if peak is None:
        return RequestTrendsSummary(0, 0, 0, Decimal(0), Decimal(0), None)
    return RequestTrendsSummary(
        total_requests=peak.all_requests,
        total_allowed=peak.all_allowed,
        total_denied=peak.all_requests - peak.all_allowed,
        total_credits=peak.all_credits,
        avg_duration_ms=peak.all_avg_duration_ms,
        peak_hour=RequestTrendsPeak(peak.hour, peak.total),
    )
