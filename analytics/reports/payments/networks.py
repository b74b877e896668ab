"""The cohort of payments, chain by chain."""

from dataclasses import dataclass

from analytics.params import DayWindowParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.reports.payments.cohort import Cohort, cohorts
from analytics.units import Count, Millis, Money, Native, Percent


@dataclass(frozen=True)
class NetworkMetrics:
    """One chain's payments started in the window."""

    chain_id: str
    chain_name: str
    total_payments: Count
    total_volume: Money
    total_fees: Money
    average_gas_cost: Native | None
    total_gas_spent: Native | None
    success_rate: Percent
    average_confirmation_time: Millis | None
    successful_payments: Count
    failed_payments: Count
    gas_asset: str
    unpriced_payments: Count


@report(Family.PAYMENTS)
def networks(params: DayWindowParams, snapshot: Snapshot) -> list[NetworkMetrics]:
    """Payments by network.

    The payments started in the window, chain by chain; only chains with payments. Volume and fees
    are over the settled ones. averageGasCost and totalGasSpent are in the chain's native coin
    (gasAsset), over the payments whose gas is known, the average rounded to the coin's smallest
    unit; both are null without gas facts, as is averageConfirmationTime (ms) without block times.
    `unknown` holds payments whose network no event has named yet. Ordered by volume, largest
    first, then by chain id. Default window: 24h.
    """
    _, chains = cohorts(params.range(snapshot.as_of), snapshot)
    return [_metrics(chain) for chain in chains]


def _metrics(chain: Cohort) -> NetworkMetrics:
    return NetworkMetrics(
        chain_id=str(chain.chain_id),
        chain_name=str(chain.chain_name),
        total_payments=chain.total_payments,
        total_volume=chain.total_volume,
        total_fees=chain.total_fees,
        average_gas_cost=chain.average_gas_cost,
        total_gas_spent=chain.total_gas_spent,
        success_rate=chain.success_rate,
        average_confirmation_time=chain.average_confirmation_time,
        successful_payments=chain.successful_payments,
        failed_payments=chain.failed_payments,
        gas_asset=str(chain.gas_asset),
        unpriced_payments=chain.unpriced_payments,
    )
