"""What the keys of each namespace do and hold."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs

NAMESPACES = """
select k.namespace, count(*) as key_count, sum(k.spent) as total_spent,
    sum(k.calls)::bigint as total_calls, sum(k.credits) as credits_remaining
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
group by k.namespace
order by total_spent desc, min(k.place)
"""


@dataclass(frozen=True)
class ActiveNamespace:
    """What the keys of a namespace did and hold."""

    namespace: str
    key_count: Count
    total_spent: Credits
    total_calls: Count
    credits_remaining: Credits


@dataclass(frozen=True)
class NamespaceActivitySummary:
    """All namespaces that have such keys."""

    total_namespaces: Count
    top_namespace: str | None


@dataclass(frozen=True)
class NamespaceActivity:
    """Namespaces, the one that spent most first."""

    namespaces: list[ActiveNamespace]
    summary: NamespaceActivitySummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def namespace_activity(params: GatewayParams, snapshot: Snapshot) -> NamespaceActivity:
    """Activity by namespace.

    Active keys that are not suspended, by namespace: how many, what they spent and called in
    their whole life, and the credits they hold now. Namespaces that spent the same stand in the
    order of their first keys; topNamespace is the first, even if nothing was spent.
    """
    namespaces = snapshot.fetch(ActiveNamespace, NAMESPACES)
    return NamespaceActivity(
        namespaces=namespaces,
        summary=NamespaceActivitySummary(
            total_namespaces=len(namespaces),
            top_namespace=namespaces[0].namespace if namespaces else None,
        ),
        generated_at=snapshot.as_of,
    )
