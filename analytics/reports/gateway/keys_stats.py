"""How many keys there are, in which state, and what they hold."""

from dataclasses import dataclass
from typing import Annotated

from analytics.params import GatewayParams, Parameter
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.reports.gateway._exact import ExactField
from analytics.units import OMITTED, Count, Credits

# part: 3 is all keys, 1 those of a namespace, 2 those of a group.
KEYS = """
select s.part, s.label, s.total, s.active, s.suspended, s.expired, s.revoked,
    s.credits, s.spent, s.calls
from (
    select grouping(k.namespace, k.group_id) as part,
        coalesce(k.namespace, k.group_id, '') as label,
        count(*) as total,
        count(*) filter (where k.active and not k.suspended and not k.is_expired) as active,
        count(*) filter (where k.active and k.suspended) as suspended,
        count(*) filter (where k.active and not k.suspended and k.is_expired) as expired,
        count(*) filter (where not k.active) as revoked,
        coalesce(sum(k.credits), 0) as credits, coalesce(sum(k.spent), 0) as spent,
        coalesce(sum(k.calls), 0)::bigint as calls,
        min(k.place) as first
    from (
        select g.place, coalesce(nullif(g.namespace, ''), 'default') as namespace,
            nullif(g.group_id, '') as group_id, g.active, g.suspended, g.is_expired,
            g.credits, g.spent, g.calls
        from gateway_keys(%(sources)s, %(as_of)s) g
        where %(namespace)s::text is null or g.namespace = %(namespace)s
    ) k
    group by grouping sets ((), (k.namespace), (k.group_id))
    having grouping(k.group_id) = 1 or k.group_id is not null
) s
order by s.part, gateway_member(s.label) nulls last, s.first
"""
ALL, NAMESPACE, GROUP = 3, 1, 2


@dataclass(frozen=True, kw_only=True)
class KeysStatsParams(GatewayParams):
    """Of all keys or of a namespace."""

    namespace: Annotated[
        str | None, Parameter(ExactField, "Only keys of this namespace, exactly.")
    ] = None


@dataclass(frozen=True)
class KeysStatsPart:
    """Keys of a namespace or a group, or all."""

    part: int
    label: str
    total: Count
    active: Count
    suspended: Count
    expired: Count
    revoked: Count
    credits: Credits
    spent: Credits
    calls: Count


@dataclass(frozen=True)
class KeysStats:
    """Keys by state, namespace and group."""

    total: Count
    active: Count
    suspended: Count
    expired: Count
    revoked: Count
    total_credits_allocated: Credits
    total_credits_spent: Credits
    total_credits_remaining: Credits
    total_calls: Count
    by_namespace: dict[str, Count]
    by_group: dict[str, Count]
    filtered_by_namespace: Annotated[str | None, OMITTED] = None


@report(Family.GATEWAY)
def keys_stats(params: KeysStatsParams, snapshot: Snapshot) -> KeysStats:
    """Key statistics.

    Every key in one state: revoked, else suspended, else expired, else active; keys by namespace
    and, where they have one, by the id of their group. totalCredits... keep the gateway's names,
    which mislead: totalCreditsAllocated is what the keys hold now, after all spending, and
    totalCreditsRemaining takes the spent credits off once more. What keys were ever given is
    totalCreditsAllocated plus totalCreditsSpent; what is left is totalCreditsAllocated.
    """
    rows = snapshot.fetch(KeysStatsPart, KEYS, namespace=params.namespace)
    (every,) = (row for row in rows if row.part == ALL)
    return KeysStats(
        total=every.total,
        active=every.active,
        suspended=every.suspended,
        expired=every.expired,
        revoked=every.revoked,
        total_credits_allocated=every.credits,
        total_credits_spent=every.spent,
        total_credits_remaining=every.credits - every.spent,
        total_calls=every.calls,
        by_namespace={row.label: row.total for row in rows if row.part == NAMESPACE},
        by_group={row.label: row.total for row in rows if row.part == GROUP},
        filtered_by_namespace=params.namespace,
    )
