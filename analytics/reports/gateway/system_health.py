"""One score for keys, denials and credits."""

from dataclasses import dataclass
from decimal import Decimal
from math import floor
from typing import Literal

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Number, Ratio, plain

KEYS = """
select count(*) as total,
    count(*) filter (where k.is_act) as active,
    count(*) filter (where k.suspended) as suspended,
    count(*) filter (where not k.active and not k.suspended) as revoked,
    count(*) filter (where k.is_act and k.is_expired) as expired,
    count(*) filter (where k.is_act and k.credits <= 10) as low,
    coalesce(sum(k.allocated), 0) as allocated,
    coalesce(sum(k.spent), 0) as spent
from gateway_keys(%(sources)s, %(as_of)s) k
"""

REQUESTS = """
select coalesce(sum(r.requests), 0)::bigint as total,
    coalesce(sum(r.requests - r.allowed), 0)::bigint as denied
from gateway_log_hours(%(sources)s, %(start)s, %(end)s, 'UTC') r
"""

KEY_WEIGHT, ERROR_WEIGHT, CREDIT_WEIGHT = Decimal("0.4"), Decimal("0.35"), Decimal("0.25")
Level = Literal["healthy", "good", "warning", "critical"]


@dataclass(frozen=True)
class SystemHealthKeys:
    """All keys: how many, how many in trouble, and their credits."""

    total: Count
    active: Count
    suspended: Count
    revoked: Count
    expired: Count
    low: Count
    allocated: Credits
    spent: Credits


@dataclass(frozen=True)
class SystemHealthRequests:
    """All requests."""

    total: Count
    denied: Count


@dataclass(frozen=True)
class SystemHealthComponent:
    """A part of the score, 0 to 100, and its share in it."""

    score: Number
    weight: Ratio
    detail: str


@dataclass(frozen=True)
class SystemHealthComponents:
    """The parts of the score."""

    key_health: SystemHealthComponent
    error_rate: SystemHealthComponent
    credit_utilization: SystemHealthComponent


@dataclass(frozen=True)
class SystemHealth:
    """The score, 0 to 100, what it means and what it is made of."""

    score: Number
    level: Level
    components: SystemHealthComponents
    generated_at: IsoMs


@report(Family.GATEWAY)
def system_health(params: GatewaySpanParams, snapshot: Snapshot) -> SystemHealth:
    """System health.

    A score of three parts. keyHealth (0.4) is 100 less the percentage of keys in trouble:
    suspended, revoked, expired, or with at most 10 credits; a key in trouble twice counts
    twice. errorRate (0.35) is 100 less twice the percentage of denied entries of the request
    log in the window. creditUtilization (0.25) is 100 up to 80 % of the credits of all keys
    spent; above, 80 less 3 for each point over 80, and above 90 %, 50 less 5 for each point
    over 90. healthy from 80, good from 60, warning from 40, else critical. Default window: all
    time.
    """
    keys = snapshot.one(SystemHealthKeys, KEYS)
    requests = snapshot.one(SystemHealthRequests, REQUESTS, **bounds(params.range(snapshot.as_of)))
    parts = SystemHealthComponents(_key_health(keys), _error_rate(requests), _credits(keys))
    score = _rounded(
        float(parts.key_health.score) * float(KEY_WEIGHT)
        + float(parts.error_rate.score) * float(ERROR_WEIGHT)
        + float(parts.credit_utilization.score) * float(CREDIT_WEIGHT)
    )
    return SystemHealth(
        score=Decimal(score),
        level=_level(score),
        components=parts,
        generated_at=snapshot.as_of,
    )


def _rounded(x: float) -> int:
    """As JavaScript's Math.round."""
    return floor(x + 0.5)


def _level(score: int) -> Level:
    if score >= 80:
        return "healthy"
    if score >= 60:
        return "good"
    return "warning" if score >= 40 else "critical"


def _key_health(keys: SystemHealthKeys) -> SystemHealthComponent:
    if not keys.total:
        return SystemHealthComponent(Decimal(100), KEY_WEIGHT, "All keys healthy")
    troubles = {
        "suspended": keys.suspended,
        "revoked": keys.revoked,
        "expired": keys.expired,
        "low credits": keys.low,
    }
    score = max(0, _rounded(100 - sum(troubles.values()) / keys.total * 100))
    named = ", ".join(f"{count} {name}" for name, count in troubles.items() if count)
    return SystemHealthComponent(Decimal(score), KEY_WEIGHT, named or f"{keys.active} active keys")


def _error_rate(requests: SystemHealthRequests) -> SystemHealthComponent:
    if not requests.total:
        return SystemHealthComponent(Decimal(100), ERROR_WEIGHT, "No errors")
    rate = requests.denied / requests.total
    score = max(0, _rounded(100 - rate * 200))
    detail = f"{_rounded(rate * 100)}% denial rate ({requests.denied}/{requests.total})"
    return SystemHealthComponent(Decimal(score), ERROR_WEIGHT, detail)


def _credits(keys: SystemHealthKeys) -> SystemHealthComponent:
    if keys.allocated <= 0:
        return SystemHealthComponent(Decimal(100), CREDIT_WEIGHT, "No credits tracked")
    used = float(keys.spent) / float(keys.allocated)
    score = max(0, min(100, _credit_score(used)))
    spent, allocated = plain(keys.spent), plain(keys.allocated)
    detail = f"{_rounded(used * 100)}% utilized ({spent}/{allocated} credits)"
    return SystemHealthComponent(Decimal(score), CREDIT_WEIGHT, detail)


def _credit_score(used: float) -> int:
    if used > 0.9:
        return _rounded(50 - (used - 0.9) * 500)
    return _rounded(80 - (used - 0.8) * 300) if used > 0.8 else 100
