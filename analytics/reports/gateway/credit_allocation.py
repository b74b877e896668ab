"""How many credits keys were given."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Number, Percent

TIERS = """
with act as (
    select k.allocated from gateway_keys(%(sources)s, %(as_of)s) k where k.is_act
)
select t.tier, count(*) as count, sum(act.allocated) as total_credits,
    coalesce(gateway_round(
        sum(act.allocated)::float8
        / nullif((select sum(allocated) from act), 0)::float8 * 10000) / 100, 0) as percentage
from act
join (values (0, '1-100', 1, 100), (1, '101-500', 101, 500), (2, '501+', 501, null))
    t (n, tier, low, high)
    on act.allocated >= t.low and (t.high is null or act.allocated <= t.high)
group by t.n, t.tier
order by t.n
"""

SUMMARY = """
select count(*) as total_keys, coalesce(sum(k.allocated), 0) as total_allocated,
    coalesce(sum(k.credits), 0) as total_remaining, coalesce(sum(k.spent), 0) as total_spent,
    coalesce(gateway_round(sum(k.allocated)::float8 / nullif(count(*), 0)), 0)
        as average_allocation
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
"""


@dataclass(frozen=True)
class AllocationTier:
    """Keys that were given about as many credits."""

    tier: str
    count: Count
    total_credits: Credits
    percentage: Percent


@dataclass(frozen=True)
class CreditAllocationSummary:
    """All active keys that are not suspended."""

    total_keys: Count
    total_allocated: Credits
    total_remaining: Credits
    total_spent: Credits
    average_allocation: Number


@dataclass(frozen=True)
class CreditAllocation:
    """Tiers that have keys, from low to high."""

    tiers: list[AllocationTier]
    summary: CreditAllocationSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def credit_allocation(params: GatewayParams, snapshot: Snapshot) -> CreditAllocation:
    """Credit allocation.

    Active keys that are not suspended, by allocated credits: those held now plus those spent, so
    that top-ups, transfers and refunds count too. A key that was given nothing is in no tier but
    in totalKeys. percentage is the tier's share of all allocated credits, with two decimals;
    averageAllocation is rounded to a whole number.
    """
    return CreditAllocation(
        tiers=snapshot.fetch(AllocationTier, TIERS),
        summary=snapshot.one(CreditAllocationSummary, SUMMARY),
        generated_at=snapshot.as_of,
    )
