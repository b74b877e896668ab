"""All keys at a glance: states, unused ones, those about to expire, ages, namespaces."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.reports.gateway._ages import DAYS, EXPIRES_WITHIN_A_WEEK, MS_LEFT
from analytics.units import Count, Credits, IsoMs, Number, Ratio

SUMMARY = """
select count(*) as total_keys, count(*) filter (where k.is_act) as active_keys,
    count(*) filter (where not k.active) as inactive_keys,
    count(*) filter (where k.active and k.suspended) as suspended_keys,
    coalesce(gateway_round(sum(k.spent)::float8 / nullif(sum(k.allocated), 0)::float8, 4), 0)
        as average_credit_utilization
from gateway_keys(%(sources)s, %(as_of)s) k
"""
STALE = f"""
select k.name, k.created_at, k.credits, gateway_round({DAYS}, 1) as age_days
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act and k.last_used_at is null
order by k.place
"""  # noqa: S608 - composed of constants
EXPIRING = f"""
select k.name, k.expires_text as expires_at,
    gateway_round({MS_LEFT} / 3600000, 1) as hours_remaining, k.credits
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_live and {EXPIRES_WITHIN_A_WEEK}
order by hours_remaining, k.place
"""  # noqa: S608 - composed of constants
AGES = f"""
select coalesce(gateway_round(sum({DAYS} order by k.place) / nullif(count(*), 0), 1), 0)
        as average_age_days,
    coalesce(gateway_round(max({DAYS}), 1), 0) as oldest_age_days,
    coalesce(gateway_round(min({DAYS}), 1), 0) as newest_age_days
from gateway_keys(%(sources)s, %(as_of)s) k
"""  # noqa: S608 - composed of constants
NAMESPACES = """
select k.namespace, count(*) as total, count(*) filter (where k.is_act) as active,
    count(*) filter (where k.suspended) as suspended
from gateway_keys(%(sources)s, %(as_of)s) k
group by k.namespace
order by total desc, min(k.place)
"""


@dataclass(frozen=True)
class KeyPortfolioSummary:
    """All keys, by state."""

    total_keys: Count
    active_keys: Count
    inactive_keys: Count
    suspended_keys: Count
    average_credit_utilization: Ratio


@dataclass(frozen=True)
class StaleKey:
    """A key that was never used; createdAt is null when nobody told."""

    name: str
    created_at: IsoMs | None
    credits: Credits
    age_days: Number


@dataclass(frozen=True)
class ExpiringKey:
    """A key about to expire, at the time as the caller wrote it."""

    name: str
    expires_at: str
    hours_remaining: Number
    credits: Credits


@dataclass(frozen=True)
class KeyAgesInDays:
    """Ages of all keys."""

    average_age_days: Number
    oldest_age_days: Number
    newest_age_days: Number


@dataclass(frozen=True)
class NamespaceKeys:
    """The keys of a namespace by state."""

    namespace: str
    total: Count
    active: Count
    suspended: Count


@dataclass(frozen=True)
class KeyPortfolio:
    """All keys at a glance."""

    summary: KeyPortfolioSummary
    stale_keys: list[StaleKey]
    expiring_soon: list[ExpiringKey]
    age_distribution: KeyAgesInDays
    by_namespace: list[NamespaceKeys]


@report(Family.GATEWAY)
def key_portfolio(params: GatewayParams, snapshot: Snapshot) -> KeyPortfolio:
    """Key portfolio.

    All keys, revoked ones included. inactiveKeys are revoked, suspendedKeys suspended and not
    revoked; a namespace's suspended keys are all that carry the mark. staleKeys are active, not
    suspended and never made an allowed call; expiringSoon are not revoked and expire within seven
    days, the next first. averageCreditUtilization is the share of all allocated credits that is
    spent, with four decimals; days and hours have one. Predecessors of rotated keys count beside
    their successors, with the same credits.
    """
    return KeyPortfolio(
        summary=snapshot.one(KeyPortfolioSummary, SUMMARY),
        stale_keys=snapshot.fetch(StaleKey, STALE),
        expiring_soon=snapshot.fetch(ExpiringKey, EXPIRING),
        age_distribution=snapshot.one(KeyAgesInDays, AGES),
        by_namespace=snapshot.fetch(NamespaceKeys, NAMESPACES),
    )
