"""What state keys are in and which need attention."""

from dataclasses import dataclass
from typing import Literal

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.reports.gateway._ages import EXPIRES_WITHIN_A_WEEK, MS_LEFT
from analytics.units import Count, IsoMs

COUNTS = """
select count(*) as total,
    count(*) filter (where k.is_act and not k.is_expired) as active,
    count(*) filter (where k.suspended) as suspended,
    count(*) filter (where not k.active and not k.suspended) as revoked,
    count(*) filter (where k.is_act and k.is_expired) as expired
from gateway_keys(%(sources)s, %(as_of)s) k
"""

NEEDS_ATTENTION = f"""
select k.name as key_name, i.issue, i.detail
from gateway_keys(%(sources)s, %(as_of)s) k
cross join lateral (values
    (1, 'low_credits', k.credits <= 10, trim_scale(k.credits) || ' credits remaining'),
    (2, 'expiring_soon', {EXPIRES_WITHIN_A_WEEK},
        'Expires in ' || gateway_round({MS_LEFT} / 3600000) || ' hours')
) i (n, issue, applies, detail)
where k.is_act and not k.is_expired and i.applies
order by k.place, i.n
"""  # noqa: S608 - composed of constants


@dataclass(frozen=True)
class KeyStatusCounts:
    """Keys by state; they add up to the total."""

    total: Count
    active: Count
    suspended: Count
    revoked: Count
    expired: Count


@dataclass(frozen=True)
class KeyInNeed:
    """What is the matter with a key."""

    key_name: str
    issue: Literal["low_credits", "expiring_soon"]
    detail: str


@dataclass(frozen=True)
class KeyStatus:
    """Keys by state, and what is the matter with some."""

    counts: KeyStatusCounts
    needs_attention: list[KeyInNeed]
    generated_at: IsoMs


@report(Family.GATEWAY)
def key_status(params: GatewayParams, snapshot: Snapshot) -> KeyStatus:
    """Key status.

    Each key is in one state, the first that fits: suspended (the mark, even if revoked), revoked,
    expired, active. Of the active ones those need attention that hold at most 10 credits or
    expire within seven days; a key can be listed for both. Hours are rounded to whole ones.
    """
    return KeyStatus(
        counts=snapshot.one(KeyStatusCounts, COUNTS),
        needs_attention=snapshot.fetch(KeyInNeed, NEEDS_ATTENTION),
        generated_at=snapshot.as_of,
    )
