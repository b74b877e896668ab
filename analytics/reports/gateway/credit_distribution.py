"""How many keys hold how many credits."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs

BUCKETS = """
select b.label as range, count(*) as count, sum(k.credits) as total_credits
from gateway_keys(%(sources)s, %(as_of)s) k
join (values
    (0, '0-10', 0, 10), (1, '11-50', 11, 50), (2, '51-100', 51, 100), (3, '101-500', 101, 500),
    (4, '501-1000', 501, 1000), (5, '1001+', 1001, null)
) b (n, label, low, high) on k.credits >= b.low and (b.high is null or k.credits <= b.high)
where k.is_act
group by b.n, b.label
order by b.n
"""

SUMMARY = """
select count(*) as total_keys,
    coalesce(gateway_round(percentile_cont(0.5) within group (order by k.credits::float8)), 0)
        as median_credits
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
"""


@dataclass(frozen=True)
class CreditBucket:
    """Keys whose credits lie in a range."""

    range: str
    count: Count
    total_credits: Credits


@dataclass(frozen=True)
class CreditDistributionSummary:
    """All active keys that are not suspended."""

    total_keys: Count
    median_credits: Credits


@dataclass(frozen=True)
class CreditDistribution:
    """Ranges that have keys, from low to high."""

    buckets: list[CreditBucket]
    summary: CreditDistributionSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def credit_distribution(params: GatewayParams, snapshot: Snapshot) -> CreditDistribution:
    """Credit distribution.

    Active keys that are not suspended, by the credits they hold now; ranges without keys are
    left out. medianCredits is the median, of an even count the rounded mean of the middle two.
    """
    return CreditDistribution(
        buckets=snapshot.fetch(CreditBucket, BUCKETS),
        summary=snapshot.one(CreditDistributionSummary, SUMMARY),
        generated_at=snapshot.as_of,
    )
