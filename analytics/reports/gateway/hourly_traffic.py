"""What happened in each hour."""

from dataclasses import dataclass
from decimal import Decimal

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs

HOURS = """
select gateway_local(t.slot, %(zone)s, '') as timestamp,
    t.requests,
    t.allowed,
    t.requests - t.allowed as denied,
    t.credits,
    t.consumers as unique_consumers,
    t.tools as unique_tools,
    sum(t.requests) over ()::bigint as all_requests,
    sum(t.credits) over () as all_credits,
    rank() over (order by t.requests desc, t.slot desc) as place
from gateway_traffic(%(sources)s, %(start)s, %(end)s, %(zone)s, 'hour') t
order by t.slot desc
"""


@dataclass(frozen=True)
class HourlyTrafficHour:
    """The requests of an hour."""

    timestamp: str
    requests: Count
    allowed: Count
    denied: Count
    credits: Credits
    unique_consumers: Count
    unique_tools: Count


@dataclass(frozen=True)
class HourlyTrafficRow(HourlyTrafficHour):
    """An hour beside the figures of all hours; place 1 has the most requests."""

    all_requests: Count
    all_credits: Credits
    place: Count


@dataclass(frozen=True)
class HourlyTrafficSummary:
    """All hours with requests."""

    total_requests: Count
    total_credits: Credits
    busiest_hour: str | None
    busiest_hour_requests: Count


@dataclass(frozen=True)
class HourlyTraffic:
    """Hours with requests, latest first."""

    hours: list[HourlyTrafficHour]
    summary: HourlyTrafficSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def hourly_traffic(params: GatewaySpanParams, snapshot: Snapshot) -> HourlyTraffic:
    """Hourly traffic.

    Entries of the request log by the hour in which they were completed, latest first; hours
    without requests are left out. credits are list prices of allowed requests; unique consumers
    are masked keys, with the tools they include those of denied requests. Of equally busy hours
    the latest is the busiest: request-trends names the earliest. Hours are those of `tz`.
    Default window: all time.
    """
    rows = snapshot.fetch(HourlyTrafficRow, HOURS, **bounds(params.range(snapshot.as_of)))
    peak = next((row for row in rows if row.place == 1), None)
    return HourlyTraffic(
        hours=[*rows],
        summary=HourlyTrafficSummary(
            total_requests=peak.all_requests if peak else 0,
            total_credits=peak.all_credits if peak else Decimal(0),
            busiest_hour=peak.timestamp if peak else None,
            busiest_hour_requests=peak.requests if peak else 0,
        ),
        generated_at=snapshot.as_of,
    )
