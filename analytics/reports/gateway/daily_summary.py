"""What happened on each day."""

from dataclasses import dataclass
from decimal import Decimal

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Number

DAYS = """
select to_char(t.slot at time zone %(zone)s, 'YYYY-MM-DD') as date,
    t.requests,
    t.allowed,
    t.requests - t.allowed as denied,
    t.credits as credits_spent,
    t.consumers as unique_consumers,
    t.tools as unique_tools,
    coalesce(k.keys, 0) as new_keys,
    sum(t.requests) over ()::bigint as all_requests,
    sum(t.credits) over () as all_credits,
    gateway_round((avg(t.requests) over ())::float8) as average
from gateway_traffic(%(sources)s, %(start)s, %(end)s, %(zone)s, 'day') t
left join (
    select date_trunc('day', g.created_at, %(zone)s) as slot, count(*) as keys
    from gateway_keys(%(sources)s, %(as_of)s) g
    group by 1
) k on k.slot = t.slot
order by t.slot desc
"""


@dataclass(frozen=True)
class DailySummaryDay:
    """The requests of a day, and the keys made on it."""

    date: str
    requests: Count
    allowed: Count
    denied: Count
    credits_spent: Credits
    unique_consumers: Count
    unique_tools: Count
    new_keys: Count


@dataclass(frozen=True)
class DailySummaryRow(DailySummaryDay):
    """A day beside the figures of all days."""

    all_requests: Count
    all_credits: Credits
    average: Number


@dataclass(frozen=True)
class DailySummaryTotals:
    """All days with requests."""

    total_days: Count
    total_requests: Count
    total_credits_spent: Credits
    average_requests_per_day: Number


@dataclass(frozen=True)
class DailySummary:
    """Days with requests, latest first."""

    days: list[DailySummaryDay]
    summary: DailySummaryTotals
    generated_at: IsoMs


@report(Family.GATEWAY)
def daily_summary(params: GatewaySpanParams, snapshot: Snapshot) -> DailySummary:
    """Daily summary.

    Entries of the request log by the day on which they were completed, latest first; days
    without requests are left out, also of the rounded average per day. creditsSpent are list
    prices of allowed requests; unique consumers are masked keys, with the tools they include
    those of denied requests. newKeys counts all keys made on that day, whatever became of them,
    and a key that replaced another keeps the other's day. Days are those of `tz`. Default
    window: all time.
    """
    rows = snapshot.fetch(DailySummaryRow, DAYS, **bounds(params.range(snapshot.as_of)))
    last = rows[0] if rows else None
    return DailySummary(
        days=[*rows],
        summary=DailySummaryTotals(
            total_days=len(rows),
            total_requests=last.all_requests if last else 0,
            total_credits_spent=last.all_credits if last else Decimal(0),
            average_requests_per_day=last.average if last else Decimal(0),
        ),
        generated_at=snapshot.as_of,
    )
