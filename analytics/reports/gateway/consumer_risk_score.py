"""Which keys are about to run out of credits."""

from dataclasses import dataclass
from typing import Literal

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Number, Percent

RiskLevel = Literal["low", "medium", "high", "critical"]

# Materialized, as each figure would be computed anew wherever it is named.
RISKS = """
with risks as (
    select u.*, least(u.utilization_percent, 100) as risk_score
    from (
        select k.name, k.place, k.credits, k.spent,
            gateway_pct(k.spent, k.allocated) as utilization_percent
        from gateway_keys(%(sources)s, %(as_of)s) k
        where k.is_act
        offset 0  -- computed once
    ) u
)
"""
CONSUMERS = f"""{RISKS}
select k.name, k.risk_score,
    case when k.risk_score >= 75 then 'critical' when k.risk_score >= 50 then 'high'
         when k.risk_score >= 25 then 'medium' else 'low' end as risk_level,
    k.credits as credits_remaining, k.spent as total_spent, k.utilization_percent
from risks k
order by k.risk_score desc, k.place
"""  # noqa: S608 - composed of constants
DISTRIBUTION = f"""{RISKS}
select count(*) filter (where k.risk_score < 25) as low,
    count(*) filter (where k.risk_score >= 25 and k.risk_score < 50) as medium,
    count(*) filter (where k.risk_score >= 50 and k.risk_score < 75) as high,
    count(*) filter (where k.risk_score >= 75) as critical
from risks k
"""  # noqa: S608 - composed of constants


@dataclass(frozen=True)
class ConsumerAtRisk:
    """A key and how near it is to running out."""

    name: str
    risk_score: Number
    risk_level: RiskLevel
    credits_remaining: Credits
    total_spent: Credits
    utilization_percent: Percent


@dataclass(frozen=True)
class RiskDistribution:
    """Keys of each level."""

    low: Count
    medium: Count
    high: Count
    critical: Count


@dataclass(frozen=True)
class ConsumerRiskScoreSummary:
    """All consumers."""

    total_consumers: Count
    risk_distribution: RiskDistribution


@dataclass(frozen=True)
class ConsumerRiskScore:
    """Consumers, the most at risk first."""

    consumers: list[ConsumerAtRisk]
    summary: ConsumerRiskScoreSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def consumer_risk_score(params: GatewayParams, snapshot: Snapshot) -> ConsumerRiskScore:
    """Consumer risk score.

    Every active key that is not suspended; its score is the rounded percentage of allocated
    credits (held now plus spent) that it spent, at most 100: critical from 75, high from 50,
    medium from 25. The score says how near a key is to running out of credits, nothing about
    abuse; a key without any credits allocated scores 0.
    """
    consumers = snapshot.fetch(ConsumerAtRisk, CONSUMERS)
    return ConsumerRiskScore(
        consumers=consumers,
        summary=ConsumerRiskScoreSummary(
            total_consumers=len(consumers),
            risk_distribution=snapshot.one(RiskDistribution, DISTRIBUTION),
        ),
        generated_at=snapshot.as_of,
    )
