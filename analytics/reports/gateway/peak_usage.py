"""At which hours of the day requests come."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Percent

HOURS = """
select (extract(epoch from t.slot) / 3600)::int as hour,
    t.requests,
    t.allowed,
    t.requests - t.allowed as denied,
    t.credits,
    t.consumers as unique_consumers,
    gateway_pct(t.requests, sum(t.requests) over ()) as percentage,
    sum(t.requests) over ()::bigint as all_requests,
    rank() over (order by t.requests desc, t.slot) as place
from gateway_traffic(%(sources)s, %(start)s, %(end)s, %(zone)s, 'hour of day') t
order by t.slot
"""


@dataclass(frozen=True)
class PeakUsageHour:
    """The requests of an hour of the day, 0 to 23."""

    hour: Count
    requests: Count
    allowed: Count
    denied: Count
    credits: Credits
    unique_consumers: Count
    percentage: Percent


@dataclass(frozen=True)
class PeakUsageRow(PeakUsageHour):
    """An hour of the day beside all requests; place 1 has the most."""

    all_requests: Count
    place: Count


@dataclass(frozen=True)
class PeakUsageSummary:
    """All requests and their busiest hour of the day."""

    total_requests: Count
    peak_hour: Count | None
    peak_requests: Count


@dataclass(frozen=True)
class PeakUsage:
    """Hours of the day with requests, from 0 to 23."""

    hours: list[PeakUsageHour]
    summary: PeakUsageSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def peak_usage(params: GatewaySpanParams, snapshot: Snapshot) -> PeakUsage:
    """Peak usage.

    Entries of the request log by the hour of the day in which they were completed, all days
    together; hours never seen are left out. credits are list prices of allowed requests,
    uniqueConsumers counts masked keys, percentage is the share of all requests. peakHour is the
    first of the busiest hours, null without requests. Hours are those of `tz`. Default window:
    all time.
    """
    rows = snapshot.fetch(PeakUsageRow, HOURS, **bounds(params.range(snapshot.as_of)))
    peak = next((row for row in rows if row.place == 1), None)
    return PeakUsage(
        hours=[*rows],
        summary=PeakUsageSummary(
            total_requests=peak.all_requests if peak else 0,
            peak_hour=peak.hour if peak else None,
            peak_requests=peak.requests if peak else 0,
        ),
        generated_at=snapshot.as_of,
    )
