"""How many keys were revoked, suspended or never used."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, IsoMs, Number, Percent

SUMMARY = """
select k.total_keys, k.active_keys, k.revoked_keys, k.suspended_keys, k.never_used_keys,
    gateway_pct(k.revoked_keys, k.total_keys) as churn_rate,
    100 - gateway_pct(k.revoked_keys, k.total_keys) as retention_rate,
    coalesce(gateway_round(k.credits::float8 / nullif(k.active_keys, 0)), 0)
        as avg_credits_per_key
from (
    select count(*) as total_keys,
        count(*) filter (where k.is_act) as active_keys,
        count(*) filter (where not k.active and not k.suspended) as revoked_keys,
        count(*) filter (where k.suspended) as suspended_keys,
        count(*) filter (where k.is_live and k.calls = 0) as never_used_keys,
        sum(k.credits) filter (where k.is_act) as credits
    from gateway_keys(%(sources)s, %(as_of)s) k
) k
"""


@dataclass(frozen=True)
class KeyChurnSummary:
    """All keys, by state."""

    total_keys: Count
    active_keys: Count
    revoked_keys: Count
    suspended_keys: Count
    never_used_keys: Count
    churn_rate: Percent
    retention_rate: Percent
    avg_credits_per_key: Number


@dataclass(frozen=True)
class KeyChurn:
    """The keys lost and kept."""

    summary: KeyChurnSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def key_churn(params: GatewayParams, snapshot: Snapshot) -> KeyChurn:
    """Key churn.

    revokedKeys are revoked and not marked suspended; suspendedKeys carry the mark, revoked or
    not; neverUsedKeys are not revoked and made no call, suspended ones too. churnRate is the
    rounded percentage of revoked keys among all, retentionRate the rest to 100, which is 100
    without keys. avgCreditsPerKey is over active keys that are not suspended, rounded. A rotated
    key leaves a revoked twin, which counts as churn.
    """
    return KeyChurn(summary=snapshot.one(KeyChurnSummary, SUMMARY), generated_at=snapshot.as_of)
