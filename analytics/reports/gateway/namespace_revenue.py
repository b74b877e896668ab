"""What the keys of each namespace spent."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Percent

NAMESPACES = """
select k.namespace, sum(k.spent) as total_spent, sum(k.calls)::bigint as total_calls,
    count(*) as key_count, gateway_pct(sum(k.spent), sum(sum(k.spent)) over ()) as percentage
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
group by k.namespace
order by total_spent desc, min(k.place)
"""
REVENUE = """
select coalesce(sum(k.spent), 0) as credits
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
"""


@dataclass(frozen=True)
class NamespaceShare:
    """What the keys of a namespace spent."""

    namespace: str
    total_spent: Credits
    total_calls: Count
    key_count: Count
    percentage: Percent


@dataclass(frozen=True)
class NamespaceRevenueTotal:
    """What all of them spent."""

    credits: Credits


@dataclass(frozen=True)
class NamespaceRevenueSummary:
    """All namespaces that have such keys."""

    total_namespaces: Count
    total_revenue: Credits
    top_namespace: str | None


@dataclass(frozen=True)
class NamespaceRevenue:
    """Namespaces, the one that spent most first."""

    namespaces: list[NamespaceShare]
    summary: NamespaceRevenueSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def namespace_revenue(params: GatewayParams, snapshot: Snapshot) -> NamespaceRevenue:
    """Revenue by namespace.

    Credits spent and calls made in their whole life by active keys that are not suspended, by
    namespace; percentage is the rounded share of all credits spent, 0 when nothing was. What
    revoked and suspended keys spent is missing, so this is less than the revenue ever made.
    """
    namespaces = snapshot.fetch(NamespaceShare, NAMESPACES)
    return NamespaceRevenue(
        namespaces=namespaces,
        summary=NamespaceRevenueSummary(
            total_namespaces=len(namespaces),
            total_revenue=snapshot.one(NamespaceRevenueTotal, REVENUE).credits,
            top_namespace=namespaces[0].namespace if namespaces else None,
        ),
        generated_at=snapshot.as_of,
    )
