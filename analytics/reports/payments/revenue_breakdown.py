"""Where revenue comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from analytics.params import AllTimeParams, Range
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, Money

SQL = """
select v.*,
    v.facilitator_fees + v.gas_sponsorship + v.premium_features as total,
    case when v.unpriced_gas = 0
         then v.facilitator_fees + v.gas_sponsorship + v.premium_features
              - v.refunds - v.reversals - v.gas_costs end as net_revenue
from (
    select
        r.place,
        coalesce(sum(s.facilitator_fees), 0) as facilitator_fees,
        coalesce(sum(s.gas_sponsorship), 0) as gas_sponsorship,
        coalesce(sum(s.premium), 0) as premium_features,
        coalesce(-sum(s.refunds), 0) as refunds,
        coalesce(-sum(s.reversals), 0) as reversals,
        coalesce(-sum(s.gas_costs), 0) as gas_costs,
        coalesce(sum(s.unpriced_revenue), 0)::bigint as unpriced_revenue,
        coalesce(sum(s.unpriced_gas), 0)::bigint as unpriced_gas
    from unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[])
        with ordinality r (start, until, place)
    left join lateral analytics_stats(r.start, r.until, 2, %(sources)s) s
        on s.network_id = any(%(networks)s)
    group by r.place
) v
order by v.place
"""


@dataclass(frozen=True)
class MoneyBook:
    """Every kind of money of a range, the `place`-th asked for."""

    place: int
    facilitator_fees: Decimal
    gas_sponsorship: Decimal
    premium_features: Decimal
    refunds: Decimal
    reversals: Decimal
    gas_costs: Decimal
    unpriced_revenue: int
    unpriced_gas: int
    total: Decimal
    net_revenue: Decimal | None


@dataclass(frozen=True)
class RevenueBreakdown:
    """Revenue by kind, and what is shown apart from it."""

    facilitator_fees: Money
    gas_sponsorship: Money
    premium_features: Money
    total: Money
    refunds: Money
    reversals: Money
    gas_costs: Money
    net_revenue: Money | None
    unpriced_revenue: Count
    unpriced_gas: Count


@report(Family.PAYMENTS)
def revenue_breakdown(params: AllTimeParams, snapshot: Snapshot) -> RevenueBreakdown:
    """Revenue breakdown.

    Revenue of the window by kind, each record counted at its own time (a fee when its payment
    settled); total is the sum of the three kinds. Refunds, reversals and gas are shown apart:
    netRevenue = total - refunds - reversals - gasCosts, null while the gas of any of the window's
    records has no USD price (unpricedGas). unpricedRevenue counts records without a USD price.
    Default window: all time.
    """
    book = money_book(params.range(snapshot.as_of), snapshot)
    return RevenueBreakdown(
        facilitator_fees=book.facilitator_fees,
        gas_sponsorship=book.gas_sponsorship,
        premium_features=book.premium_features,
        total=book.total,
        refunds=book.refunds,
        reversals=book.reversals,
        gas_costs=book.gas_costs,
        net_revenue=book.net_revenue,
        unpriced_revenue=book.unpriced_revenue,
        unpriced_gas=book.unpriced_gas,
    )


def money_books(spans: Sequence[Range], snapshot: Snapshot) -> list[MoneyBook]:
    """The money of each range by kind."""
    starts, ends = [span.start for span in spans], [span.end for span in spans]
    return snapshot.fetch(MoneyBook, SQL, starts=starts, ends=ends)


def money_book(span: Range, snapshot: Snapshot) -> MoneyBook:
    """The money of a range by kind."""
    return money_books([span], snapshot)[0]
