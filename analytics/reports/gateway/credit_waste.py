"""Credits that were given and not spent, by key."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Credits, IsoMs, Percent

KEYS = """
select k.name, k.allocated as credits_allocated, k.spent as credits_used,
    k.credits as credits_remaining, gateway_pct(k.credits, k.allocated) as waste_percent
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
order by waste_percent desc, k.place
"""

SUMMARY = """
select coalesce(sum(k.allocated), 0) as total_allocated,
    coalesce(sum(k.credits), 0) as total_wasted,
    coalesce(gateway_round(
        sum(gateway_pct(k.credits, k.allocated))::float8 / nullif(count(*), 0)), 0)
        as average_waste_percent
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
"""


@dataclass(frozen=True)
class WastefulKey:
    """A key and the share of its credits that lies idle."""

    name: str
    credits_allocated: Credits
    credits_used: Credits
    credits_remaining: Credits
    waste_percent: Percent


@dataclass(frozen=True)
class CreditWasteSummary:
    """All active keys that are not suspended."""

    total_allocated: Credits
    total_wasted: Credits
    average_waste_percent: Percent


@dataclass(frozen=True)
class CreditWaste:
    """Keys, the most wasteful first."""

    keys: list[WastefulKey]
    summary: CreditWasteSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def credit_waste(params: GatewayParams, snapshot: Snapshot) -> CreditWaste:
    """Credit waste.

    Every active key that is not suspended, by the rounded percentage of its allocated credits
    (held now plus spent) that it still holds; 0 for a key that was given nothing. totalWasted is
    all credits held; averageWastePercent is the rounded mean of the keys' rounded percentages,
    not a share of all credits.
    """
    return CreditWaste(
        keys=snapshot.fetch(WastefulKey, KEYS),
        summary=snapshot.one(CreditWasteSummary, SUMMARY),
        generated_at=snapshot.as_of,
    )
