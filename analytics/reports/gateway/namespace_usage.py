"""What each namespace uses of its credits."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Percent

NAMESPACES = """
select k.namespace, count(*) as key_count, sum(k.allocated) as total_allocated,
    sum(k.spent) as total_spent, sum(k.credits) as total_remaining,
    sum(k.calls)::bigint as total_calls,
    gateway_pct(sum(k.spent), sum(k.allocated)) as utilization_pct
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_live
group by k.namespace
order by total_spent desc, min(k.place)
"""


@dataclass(frozen=True)
class NamespaceUse:
    """What a namespace uses."""

    namespace: str
    key_count: Count
    total_allocated: Credits
    total_spent: Credits
    total_remaining: Credits
    total_calls: Count
    utilization_pct: Percent


@dataclass(frozen=True)
class NamespaceUsageSummary:
    """All namespaces that have such keys."""

    total_namespaces: Count


@dataclass(frozen=True)
class NamespaceUsage:
    """Namespaces, the one that spent most first."""

    summary: NamespaceUsageSummary
    namespaces: list[NamespaceUse]
    generated_at: IsoMs


@report(Family.GATEWAY)
def namespace_usage(params: GatewayParams, snapshot: Snapshot) -> NamespaceUsage:
    """Usage by namespace.

    Keys that are not revoked, by namespace; unlike in the other namespace reports suspended keys
    count. totalAllocated is the credits held now plus those spent, utilizationPct the rounded
    share of them that is spent.
    """
    namespaces = snapshot.fetch(NamespaceUse, NAMESPACES)
    return NamespaceUsage(
        summary=NamespaceUsageSummary(total_namespaces=len(namespaces)),
        namespaces=namespaces,
        generated_at=snapshot.as_of,
    )
