"""The namespaces that keys are in."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, Credits

NAMESPACES = """
select k.namespace, count(*) as key_count, count(*) filter (where k.is_live) as active_keys,
    sum(k.credits) as total_credits, sum(k.spent) as total_spent
from (
    select coalesce(nullif(g.namespace, ''), 'default') as namespace, g.is_live, g.credits, g.spent
    from gateway_keys(%(sources)s, %(as_of)s) g
) k
group by k.namespace
order by k.namespace collate "C"
"""


@dataclass(frozen=True)
class NamespacesNamespace:
    """The keys of a namespace: all, those not revoked, what all hold and spent."""

    namespace: str
    key_count: Count
    active_keys: Count
    total_credits: Credits
    total_spent: Credits


@dataclass(frozen=True)
class Namespaces:
    """Namespaces by name."""

    namespaces: list[NamespacesNamespace]
    count: Count


@report(Family.GATEWAY)
def namespaces(params: GatewayParams, snapshot: Snapshot) -> Namespaces:
    """Namespaces.

    Every namespace that a key is in, revoked keys included, in alphabetical order: how many keys
    it has, how many of them are not revoked (activeKeys counts suspended and expired ones too),
    and what all of them hold (totalCredits) and spent. Predecessors of rotated keys count beside
    their successors, with the same credits. A key without a namespace is in `default`.
    """
    found = snapshot.fetch(NamespacesNamespace, NAMESPACES)
    return Namespaces(namespaces=found, count=len(found))
