"""Revenue, by network and by day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from analytics.params import MonthWindowParams, Range
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.reports.payments.revenue_breakdown import money_book
from analytics.reports.payments.revenue_daily import DailyStats, daily_stats
from analytics.series import ONE_DAY, days_of
from analytics.units import Count, Money, Percent

BY_NETWORK = """
select s.network_id as chain_id,
    coalesce(sum(s.facilitator_fees + s.gas_sponsorship + s.premium), 0) as revenue
from analytics_stats(%(start)s, %(end)s, 2, %(sources)s) s
where s.network_id = any(%(networks)s)
group by s.network_id
having sum(s.settled) > 0 or sum(s.facilitator_fees + s.gas_sponsorship + s.premium) > 0
order by s.network_id collate "C"
"""

FIRST_FACT = """
select least(
    (select min(p.started_at) from billing_payment p
     where p.started_at < %(end)s and p.network_id = any(%(networks)s)
       and (%(sources)s::bigint[] is null or p.source_id = any(%(sources)s))),
    (select min(p.settled_at) from billing_payment p
     where p.settled_at < %(end)s and p.network_id = any(%(networks)s)
       and (%(sources)s::bigint[] is null or p.source_id = any(%(sources)s))),
    (select min(r.at) from billing_revenuerecord r
     where r.at < %(end)s and r.network_id = any(%(networks)s)
       and (%(sources)s::bigint[] is null or r.source_id = any(%(sources)s)))) as at
"""

# div() is exact: the quotient rounded half up to six decimals, once.
OUTLOOK = """
select
    div(2000000 * %(revenue)s::numeric * 30 * 86400000000 + %(microseconds)s,
        2 * %(microseconds)s::numeric) * 0.000001 as projected,
    coalesce(100 * (h.later - h.earlier) / nullif(h.earlier, 0), 0) as growth
from (
    select
        coalesce(sum(d.fee) filter (where d.n <= d.days / 2), 0) as earlier,
        coalesce(sum(d.fee) filter (where d.n > d.days / 2), 0) as later
    from (
        select f.fee, f.n, count(*) over () as days
        from unnest(%(fees)s::numeric[]) with ordinality f (fee, n)
    ) d
) h
"""


@dataclass(frozen=True)
class NetworkRevenue:
    """Revenue of one network."""

    chain_id: str
    revenue: Decimal


@dataclass(frozen=True)
class FirstFact:
    """When the books begin, None when they are empty."""

    at: datetime | None


@dataclass(frozen=True)
class Outlook:
    """Where revenue is heading."""

    projected: Decimal
    growth: Decimal


@dataclass(frozen=True)
class RevenueMetrics:
    """Revenue of the window, by network and by day."""

    total_revenue: Money
    revenue_by_network: dict[str, Money]
    revenue_by_day: list[DailyStats]
    projected_monthly_revenue: Money
    growth_rate: Percent
    refunds: Money
    reversals: Money
    gas_costs: Money
    net_revenue: Money | None
    unpriced_revenue: Count
    unpriced_gas: Count


@report(Family.PAYMENTS)
def revenue(params: MonthWindowParams, snapshot: Snapshot) -> RevenueMetrics:
    """Revenue.

    totalRevenue is facilitator fees + gas sponsorship + premium features of the window, each
    record at its own time, the same figure as revenue-breakdown's total. revenueByNetwork has a
    key for every network with revenue or settled payments. revenueByDay has every local day from
    the window's first to as_of's (zone tz), empty days included, its first and last cut where the
    window cuts them; for `all` days run from the first fact. projectedMonthlyRevenue =
    totalRevenue x 30 / days of the window. growthRate compares the facilitator fees of the last
    n - floor(n/2) days with those of the first floor(n/2), in percent, 0 when the first are 0.
    Refunds, reversals and gas are shown apart: netRevenue = totalRevenue - refunds - reversals -
    gasCosts, null while gas is unpriced. Default window: 30d.
    """
    span = params.range(snapshot.as_of)
    first_fact = None if span.start else first_fact_at(span, snapshot)
    days = daily_stats(span, days_of(span, first_fact, params.tz), params.tz, snapshot)
    book = money_book(span, snapshot)
    outlook = _outlook(book.total, days, span, snapshot)
    return RevenueMetrics(
        total_revenue=book.total,
        revenue_by_network={
            row.chain_id: row.revenue
            for row in snapshot.fetch(NetworkRevenue, BY_NETWORK, **bounds(span))
        },
        revenue_by_day=days,
        projected_monthly_revenue=outlook.projected,
        growth_rate=outlook.growth,
        refunds=book.refunds,
        reversals=book.reversals,
        gas_costs=book.gas_costs,
        net_revenue=book.net_revenue,
        unpriced_revenue=book.unpriced_revenue,
        unpriced_gas=book.unpriced_gas,
    )


def first_fact_at(span: Range, snapshot: Snapshot) -> datetime | None:
    """The moment of the first payment or revenue record before a range ends."""
    return snapshot.one(FirstFact, FIRST_FACT, **bounds(span)).at


def _outlook(
    total: Decimal, days: Sequence[DailyStats], span: Range, snapshot: Snapshot
) -> Outlook:
    whole_days = len(days) * (ONE_DAY.days * 86_400_000_000)
    return snapshot.one(
        Outlook,
        OUTLOOK,
        revenue=total,
        microseconds=span.microseconds or whole_days,
        fees=[day.fees for day in days],
    )
