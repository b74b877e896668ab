"""Which keys have credits left."""

from dataclasses import dataclass
from typing import Literal

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Percent

KeyHealth = Literal["healthy", "warning", "critical"]

# Materialized, as the percentage would be computed anew wherever it is named.
HEALTH = """
with used as (
    select k.name, k.place, k.credits, k.spent, k.calls,
        gateway_pct(k.spent, k.allocated) as utilization_percent
    from gateway_keys(%(sources)s, %(as_of)s) k
    where k.is_act
    offset 0  -- computed once
), health as (
    select u.*, case when u.credits = 0 then 'critical'
                     when u.utilization_percent >= 75 then 'warning'
                     else 'healthy' end as status
    from used u
)
"""
KEYS = f"""{HEALTH}
select k.name, k.credits, k.spent as total_spent, k.calls as total_calls, k.utilization_percent,
    k.status
from health k
order by k.credits, k.place
"""  # noqa: S608 - composed of constants
DISTRIBUTION = f"""{HEALTH}
select count(*) filter (where k.status = 'healthy') as healthy,
    count(*) filter (where k.status = 'warning') as warning,
    count(*) filter (where k.status = 'critical') as critical
from health k
"""  # noqa: S608 - composed of constants


@dataclass(frozen=True)
class HealthOfKey:
    """A key and how it stands."""

    name: str
    credits: Credits
    total_spent: Credits
    total_calls: Count
    utilization_percent: Percent
    status: KeyHealth


@dataclass(frozen=True)
class KeyHealthDistribution:
    """Keys of each status."""

    healthy: Count
    warning: Count
    critical: Count


@dataclass(frozen=True)
class KeyHealthOverviewSummary:
    """All active keys that are not suspended."""

    total_keys: Count
    health_distribution: KeyHealthDistribution


@dataclass(frozen=True)
class KeyHealthOverview:
    """Keys, those with fewest credits first."""

    keys: list[HealthOfKey]
    summary: KeyHealthOverviewSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def key_health_overview(params: GatewayParams, snapshot: Snapshot) -> KeyHealthOverview:
    """Key health overview.

    Every active key that is not suspended: critical without any credits, warning when it spent
    75 % or more (rounded) of what it was allocated, else healthy. Only credits are looked at:
    an expired key may be healthy, and a key that was never given credits is critical.
    """
    keys = snapshot.fetch(HealthOfKey, KEYS)
    return KeyHealthOverview(
        keys=keys,
        summary=KeyHealthOverviewSummary(
            total_keys=len(keys),
            health_distribution=snapshot.one(KeyHealthDistribution, DISTRIBUTION),
        ),
        generated_at=snapshot.as_of,
    )
