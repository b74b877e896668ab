"""The payments started in a range, as they are now: all of them, and chain by chain."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from analytics.params import Range
from analytics.query import Snapshot, bounds

# The first row is the total: it has no chain. div() is exact: means are rounded half up once, to
# six decimals or, of gas, to the coin's smallest unit.
SQL = """
select
    n.chain_id,
    n.name as chain_name,
    n.native_symbol as gas_asset,
    v.total_payments,
    v.successful_payments,
    v.failed_payments,
    v.total_volume,
    v.total_fees,
    v.average_payment_size,
    v.average_settlement_time,
    v.average_confirmation_time,
    div(2 * v.gas + v.gas_count, nullif(2 * v.gas_count, 0)) * w.unit as average_gas_cost,
    case when v.gas_count > 0 then v.gas * w.unit end as total_gas_spent,
    coalesce(100.0 * v.successful_payments / nullif(v.total_payments, 0), 100) as success_rate,
    coalesce(100.0 * v.failed_payments / nullif(v.total_payments, 0), 0) as error_rate,
    v.unpriced_payments,
    v.unpriced_fees
from (
    select
        s.network_id,
        coalesce(sum(s.started), 0)::bigint as total_payments,
        coalesce(sum(s.started_settled), 0)::bigint as successful_payments,
        coalesce(sum(s.started_failed), 0)::bigint as failed_payments,
        coalesce(sum(s.started_volume), 0) as total_volume,
        coalesce(sum(s.started_fees), 0) as total_fees,
        coalesce(div(2000000 * sum(s.started_volume) + sum(s.started_priced),
                     nullif(2 * sum(s.started_priced), 0)) * 0.000001, 0)
            as average_payment_size,
        coalesce(sum(s.settlement_ms) / nullif(sum(s.settlement_count), 0), 0)
            as average_settlement_time,
        sum(s.confirmation_ms) / nullif(sum(s.confirmation_count), 0)
            as average_confirmation_time,
        sum(s.gas_native) as gas,
        sum(s.gas_count) as gas_count,
        coalesce(sum(s.started_unpriced), 0)::bigint as unpriced_payments,
        coalesce(sum(s.started_unpriced_fees), 0)::bigint as unpriced_fees
    from analytics_stats(%(start)s, %(end)s, 2, %(sources)s) s
    where s.network_id = any(%(networks)s)
    group by grouping sets ((), (s.network_id))
    having grouping(s.network_id) = 1 or sum(s.started) > 0
) v
left join billing_network n on n.chain_id = v.network_id
cross join lateral (select ('1e-' || n.native_decimals)::numeric as unit) w
order by n.chain_id is not null, v.total_volume desc, n.chain_id collate "C"
"""


@dataclass(frozen=True)
class Cohort:
    """Sums over the payments started in a range; `chain_id` is None for those of all chains."""

    chain_id: str | None
    chain_name: str | None
    gas_asset: str | None
    total_payments: int
    successful_payments: int
    failed_payments: int
    total_volume: Decimal
    total_fees: Decimal
    average_payment_size: Decimal
    average_settlement_time: Decimal
    average_confirmation_time: Decimal | None
    average_gas_cost: Decimal | None
    total_gas_spent: Decimal | None
    success_rate: Decimal
    error_rate: Decimal
    unpriced_payments: int
    unpriced_fees: int


def cohorts(span: Range, snapshot: Snapshot) -> tuple[Cohort, Sequence[Cohort]]:
    """The whole, and each chain with payments: by volume, largest first, then by id."""
    whole, *chains = snapshot.fetch(Cohort, SQL, **bounds(span))
    return whole, chains
