"""Which keys are about to run out of credits."""

from dataclasses import dataclass
from typing import Literal

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Number, Percent

RiskLevel = Literal["low", "medium", "high", "critical"]

RISKS = """
select k.*, case when k.risk_score >= 75 then 'critical' when k.risk_score >= 50 then 'high'
                 when k.risk_score >= 25 then 'medium' else 'low' end as risk_level
from (
    select k.*, least(gateway_pct(k.spent, k.allocated), 100) as risk_score,
        gateway_pct(k.spent, k.allocated) as utilization_percent
    from gateway_keys(%(sources)s, %(as_of)s) k
    where k.is_act
) k
"""
CONSUMERS = f"""
select k.name, k.risk_score, k.risk_level, k.credits as credits_remaining,
    k.spent as total_spent, k.utilization_percent
from ({RISKS}) k
order by k.risk_score desc, k.place
"""  # noqa: S608 - composed of constants
DISTRIBUTION = f"""
select count(*) filter (where k.risk_level = 'low') as low,
    count(*) filter (where k.risk_level = 'medium') as medium,
    count(*) filter (where k.risk_level = 'high') as high,
    count(*) filter (where k.risk_level = 'critical') as critical
from ({RISKS}) k
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
