"""How many payments, how much money, how fast."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from analytics.params import DayWindowParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.reports.payments.cohort import cohorts
from analytics.units import Count, Millis, Money, Percent

EXACT_UP_TO = 200_000  # settled payments sorted for percentiles; beyond, mergeable histograms

# percentile_disc is the nearest rank. Ascending and descending it names the middle two.
EXACT = """
select
    coalesce(round((
        percentile_disc(0.5) within group (order by v.amount)
        + percentile_disc(0.5) within group (order by v.amount desc)) * 0.5, 6), 0) as median,
    coalesce(percentile_disc(0.95) within group (order by v.settlement_ms), 0) as p95,
    coalesce(percentile_disc(0.99) within group (order by v.settlement_ms), 0) as p99
from (
    select p.settlement_ms, case when p.is_volume then p.amount_usd end as amount
    from billing_payment p
    where p.status = 'settled'
      and (%(start)s::timestamptz is null or p.started_at >= %(start)s)
      and p.started_at < %(end)s
      and p.network_id = any(%(networks)s)
      and (%(sources)s::bigint[] is null or p.source_id = any(%(sources)s))
) v
"""

FROM_HISTOGRAMS = """
with ranked as (
    select m.measure, h.value::numeric as value,
        sum(h.count) over (partition by m.measure order by h.value) as up_to,
        sum(h.count) over (partition by m.measure) as total
    from (values ('amount'), ('settlement_ms')) m (measure)
    cross join lateral analytics_quantile_histogram(
        %(start)s, %(end)s, %(sources)s, %(networks)s, m.measure) h
)
select
    coalesce(round((
        min(r.value) filter (where r.measure = 'amount' and r.up_to >= ceil(r.total / 2))
        + min(r.value) filter (where r.measure = 'amount' and r.up_to >= floor(r.total / 2) + 1)
    ) * 0.5, 6), 0) as median,
    coalesce(min(r.value) filter (
        where r.measure = 'settlement_ms' and r.up_to >= ceil(r.total * 0.95)), 0) as p95,
    coalesce(min(r.value) filter (
        where r.measure = 'settlement_ms' and r.up_to >= ceil(r.total * 0.99)), 0) as p99
from ranked r
"""


@dataclass(frozen=True)
class Quantiles:
    """Middle and slowest of a cohort's settled payments."""

    median: Decimal
    p95: Decimal
    p99: Decimal


@dataclass(frozen=True)
class PaymentMetrics:
    """Payments started in the window, as they are now."""

    total_payments: Count
    successful_payments: Count
    failed_payments: Count
    total_volume: Money
    total_fees: Money
    average_payment_size: Money
    median_payment_size: Money
    average_settlement_time: Millis
    p95_settlement_time: Millis
    p99_settlement_time: Millis
    success_rate: Percent
    unpriced_payments: Count
    unpriced_fees: Count
    percentile_method: Literal["exact", "histogram"]


@report(Family.PAYMENTS)
def payments(params: DayWindowParams, snapshot: Snapshot) -> PaymentMetrics:
    """Payment metrics.

    How many payments were started in the window, what became of them, how much money they moved
    and how fast. A payment starts when it was received, else at its earliest known event.
    successfulPayments and failedPayments are those now settled and failed; an open payment is in
    totalPayments only. Volume, fees, sizes and times are over the settled ones. Volume counts
    charges and sweeps; average and median are over priced payments, unpricedPayments says how
    many settled ones have no USD price, unpricedFees how many fees. Settlement time is the
    event's settlementTime, else settled minus received. Percentiles are nearest rank: exact up to
    200,000 settled payments, else from histograms with at most 1 % error (percentileMethod).
    Default window: 24h.
    """
    span = params.range(snapshot.as_of)
    found, _ = cohorts(span, snapshot)
    is_exact = found.successful_payments <= EXACT_UP_TO
    quantiles = snapshot.one(Quantiles, EXACT if is_exact else FROM_HISTOGRAMS, **bounds(span))
    return PaymentMetrics(
        total_payments=found.total_payments,
        successful_payments=found.successful_payments,
        failed_payments=found.failed_payments,
        total_volume=found.total_volume,
        total_fees=found.total_fees,
        average_payment_size=found.average_payment_size,
        median_payment_size=quantiles.median,
        average_settlement_time=found.average_settlement_time,
        p95_settlement_time=quantiles.p95,
        p99_settlement_time=quantiles.p99,
        success_rate=found.success_rate,
        unpriced_payments=found.unpriced_payments,
        unpriced_fees=found.unpriced_fees,
        percentile_method="exact" if is_exact else "histogram",
    )
