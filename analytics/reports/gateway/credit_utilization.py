"""How much of their credits keys have spent."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Percent

BANDS = """
with act as (
    select gateway_pct(k.spent, k.allocated) as used
    from gateway_keys(%(sources)s, %(as_of)s) k
    where k.is_act
)
select b.label as range, count(*) as count,
    gateway_pct(count(*), (select count(*) from act)) as percentage
from act
join (values
    (0, '0%%', 0, 0), (1, '1-25%%', 1, 25), (2, '26-50%%', 26, 50), (3, '51-75%%', 51, 75),
    (4, '76-99%%', 76, 99), (5, '100%%', 100, 100)
) b (n, label, low, high) on act.used between b.low and b.high
group by b.n, b.label
order by b.n
"""

SUMMARY = """
select coalesce(sum(k.allocated), 0) as total_allocated, coalesce(sum(k.spent), 0) as total_spent,
    coalesce(gateway_pct(sum(k.spent), sum(k.allocated)), 0) as overall_utilization,
    count(*) as total_keys
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
"""


@dataclass(frozen=True)
class UtilizationBand:
    """Keys that spent about the same share of their credits."""

    range: str
    count: Count
    percentage: Percent


@dataclass(frozen=True)
class CreditUtilizationSummary:
    """All active keys that are not suspended."""

    total_allocated: Credits
    total_spent: Credits
    overall_utilization: Percent
    total_keys: Count


@dataclass(frozen=True)
class CreditUtilization:
    """Bands that have keys, from low to high."""

    bands: list[UtilizationBand]
    summary: CreditUtilizationSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def credit_utilization(params: GatewayParams, snapshot: Snapshot) -> CreditUtilization:
    """Credit utilization.

    Active keys that are not suspended, by the percentage of their allocated credits (held now
    plus spent) that they spent. The percentage is rounded before it is sorted into a band: 0.4 %
    counts as 0 %, 99.5 % as 100 %. percentage is the band's share of the keys; empty bands are
    left out. Top-ups, transfers and refunds change what counts as allocated.
    """
    return CreditUtilization(
        bands=snapshot.fetch(UtilizationBand, BANDS),
        summary=snapshot.one(CreditUtilizationSummary, SUMMARY),
        generated_at=snapshot.as_of,
    )
