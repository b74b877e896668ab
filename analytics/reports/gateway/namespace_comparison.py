"""Namespaces beside each other."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Percent

NAMESPACES = """
select k.namespace, count(*) as key_count, sum(k.allocated) as total_allocated,
    sum(k.spent) as total_spent, sum(k.calls)::bigint as total_calls,
    sum(k.credits) as credits_remaining,
    gateway_pct(sum(k.spent), sum(k.allocated)) as utilization_percent
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
group by k.namespace
order by total_allocated desc, min(k.place)
"""


@dataclass(frozen=True)
class ComparedNamespace:
    """All figures of a namespace."""

    namespace: str
    key_count: Count
    total_allocated: Credits
    total_spent: Credits
    total_calls: Count
    credits_remaining: Credits
    utilization_percent: Percent


@dataclass(frozen=True)
class NamespaceComparisonSummary:
    """All namespaces that have such keys."""

    total_namespaces: Count
    leader: str | None


@dataclass(frozen=True)
class NamespaceComparison:
    """Namespaces, the one with most credits allocated first."""

    namespaces: list[ComparedNamespace]
    summary: NamespaceComparisonSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def namespace_comparison(params: GatewayParams, snapshot: Snapshot) -> NamespaceComparison:
    """Comparison of namespaces.

    Active keys that are not suspended, by namespace, the one with most allocated credits (held
    now plus spent) first: it is the leader. utilizationPercent is the rounded share of them that
    is spent. namespace-usage also counts suspended keys and is sorted by what was spent.
    """
    namespaces = snapshot.fetch(ComparedNamespace, NAMESPACES)
    return NamespaceComparison(
        namespaces=namespaces,
        summary=NamespaceComparisonSummary(
            total_namespaces=len(namespaces),
            leader=namespaces[0].namespace if namespaces else None,
        ),
        generated_at=snapshot.as_of,
    )
