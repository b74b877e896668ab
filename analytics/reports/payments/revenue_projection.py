"""What a month would bring at the pace of the last week."""

from dataclasses import dataclass

from analytics.params import ReportParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, Money

DAYS = 7

# div() is exact: quotients rounded half up to six decimals, once.
SQL = """
select
    div(2000000 * sum(d.revenue) * 30 + %(days)s, 2 * %(days)s) * 0.000001
        as projected_monthly_revenue,
    min(d.revenue) * 30 as low,
    max(d.revenue) * 30 as high,
    div(2000000 * sum(d.revenue) + %(days)s, 2 * %(days)s) * 0.000001 as daily_average,
    %(days)s as days
from (
    select n, coalesce(sum(s.facilitator_fees + s.gas_sponsorship + s.premium)
                       filter (where s.network_id = any(%(networks)s)), 0) as revenue
    from generate_series(1, %(days)s) n
    left join lateral analytics_stats(
        %(as_of)s::timestamptz + interval '1 microsecond' - n * interval '24 hours',
        %(as_of)s::timestamptz + interval '1 microsecond' - (n - 1) * interval '24 hours',
        2, %(sources)s) s on true
    group by n
) d
"""


@dataclass(frozen=True)
class RevenueProjection:
    """A month at the pace of the last seven times 24 hours."""

    projected_monthly_revenue: Money
    low: Money
    high: Money
    daily_average: Money
    days: Count


@report(Family.PAYMENTS)
def revenue_projection(params: ReportParams, snapshot: Snapshot) -> RevenueProjection:
    """Revenue projection.

    What 30 days would bring at the pace of the seven times 24 hours before as_of: dailyAverage x
    30. low and high are 30 times the weakest and the strongest of those seven days. Revenue is
    facilitator fees + gas sponsorship + premium features.
    """
    return snapshot.one(RevenueProjection, SQL, days=DAYS)
