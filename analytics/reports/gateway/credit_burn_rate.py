"""How fast credits are spent and when they are gone."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.reports.gateway._pace import PACE
from analytics.units import Count, Credits, IsoMs, Number, Percent

FIGURES = f"""
select p.credits_per_hour,
    gateway_round(p.total_remaining::float8 / nullif(p.credits_per_hour, 0)::float8, 2)
        as hours_until_depleted,
    gateway_pct(p.total_spent, p.total_allocated) as utilization_percent,
    p.total_allocated, p.total_spent, p.total_remaining, p.active_keys
from ({PACE}) p
"""  # noqa: S608 - composed of constants


@dataclass(frozen=True)
class BurnFigures:
    """All figures as read."""

    credits_per_hour: Number
    hours_until_depleted: Number | None
    utilization_percent: Percent
    total_allocated: Credits
    total_spent: Credits
    total_remaining: Credits
    active_keys: Count


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
    all_keys = snapshot.one(BurnFigures, FIGURES)
    return CreditBurnRate(
        burn_rate=BurnRate(
            all_keys.credits_per_hour, all_keys.hours_until_depleted, all_keys.utilization_percent
        ),
        summary=CreditBurnRateSummary(
            total_allocated=all_keys.total_allocated,
            total_spent=all_keys.total_spent,
            total_remaining=all_keys.total_remaining,
            active_keys=all_keys.active_keys,
        ),
        generated_at=snapshot.as_of,
    )
