"""How fast credits are spent and when they are gone."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.reports.gateway._pace import PACE
from analytics.units import Count, Credits, IsoMs, Number, Percent

RATE = f"""
select p.credits_per_hour,
    gateway_round(p.total_remaining::float8 / nullif(p.credits_per_hour, 0)::float8, 2)
        as hours_until_depleted,
    gateway_pct(p.total_spent, p.total_allocated) as utilization_percent
from ({PACE}) p
"""  # noqa: S608 - composed of constants

SUMMARY = """
select coalesce(sum(k.allocated), 0) as total_allocated, coalesce(sum(k.spent), 0) as total_spent,
    coalesce(sum(k.credits), 0) as total_remaining, count(*) as active_keys
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
"""


@dataclass(frozen=True)
class BurnRate:
    """The pace of spending; hours are null while nothing is spent."""

    credits_per_hour: Number
    hours_until_depleted: Number | None
    utilization_percent: Percent


@dataclass(frozen=True)
class CreditBurnRateSummary:
    """All active keys that are not suspended."""

    total_allocated: Credits
    total_spent: Credits
    total_remaining: Credits
    active_keys: Count


@dataclass(frozen=True)
class CreditBurnRate:
    """The pace of spending and what is left."""

    burn_rate: BurnRate
    summary: CreditBurnRateSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def credit_burn_rate(params: GatewayParams, snapshot: Snapshot) -> CreditBurnRate:
    """Credit burn rate.

    Active keys that are not suspended. creditsPerHour adds up each key's spent credits divided by
    its age in hours (at least 0.001), so it is an average over each key's whole life, not the
    pace of today. hoursUntilDepleted divides the credits left by the rounded rate; both have two
    decimals. utilizationPercent is the rounded share of allocated credits that is spent.
    """
    return CreditBurnRate(
        burn_rate=snapshot.one(BurnRate, RATE),
        summary=snapshot.one(CreditBurnRateSummary, SUMMARY),
        generated_at=snapshot.as_of,
    )
