"""Keys that hold many more credits than they use, or hardly any."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Percent

SHOWN = 10
KEYS = """
select k.name, k.credits, k.allocated as total_allocated, k.spent as total_spent,
    k.remaining_percent
from (
    select k.*, gateway_pct(k.credits, k.allocated) as remaining_percent
    from gateway_keys(%(sources)s, %(as_of)s) k
    where k.is_act and k.allocated > 0
) k
"""
OVER_PROVISIONED = f"""{KEYS}
where k.remaining_percent > 90
order by k.credits desc, k.place
limit {SHOWN}
"""
UNDER_PROVISIONED = f"""{KEYS}
where k.spent > 0 and (k.credits <= 10 or k.remaining_percent <= 10)
order by k.credits, k.place
limit {SHOWN}
"""

SUMMARY = """
select coalesce(sum(k.allocated), 0) as total_allocated, coalesce(sum(k.spent), 0) as total_spent,
    coalesce(sum(k.credits), 0) as total_remaining,
    coalesce(gateway_pct(sum(k.spent), sum(k.allocated)), 0) as burn_efficiency,
    coalesce(gateway_pct(sum(k.credits), sum(k.allocated)), 0) as waste_ratio,
    count(*) as active_keys
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
"""


@dataclass(frozen=True)
class ProvisionedKey:
    """A key and what is left of its credits."""

    name: str
    credits: Credits
    total_allocated: Credits
    total_spent: Credits
    remaining_percent: Percent


@dataclass(frozen=True)
class CreditEfficiencySummary:
    """All active keys that are not suspended."""

    total_allocated: Credits
    total_spent: Credits
    total_remaining: Credits
    burn_efficiency: Percent
    waste_ratio: Percent
    active_keys: Count


@dataclass(frozen=True)
class CreditEfficiency:
    """The keys furthest from what they need."""

    summary: CreditEfficiencySummary
    over_provisioned: list[ProvisionedKey]
    under_provisioned: list[ProvisionedKey]
    generated_at: IsoMs


@report(Family.GATEWAY)
def credit_efficiency(params: GatewayParams, snapshot: Snapshot) -> CreditEfficiency:
    """Credit efficiency.

    Active keys that are not suspended. overProvisioned are the ten with most credits of those
    that hold more than 90 % (rounded) of what they were allocated, unused keys included;
    underProvisioned the ten with fewest of those that spent something and hold at most 10 credits
    or 10 %. burnEfficiency and wasteRatio are the rounded shares of all allocated credits that
    are spent and left; they need not add up to 100.
    """
    return CreditEfficiency(
        summary=snapshot.one(CreditEfficiencySummary, SUMMARY),
        over_provisioned=snapshot.fetch(ProvisionedKey, OVER_PROVISIONED),
        under_provisioned=snapshot.fetch(ProvisionedKey, UNDER_PROVISIONED),
        generated_at=snapshot.as_of,
    )
