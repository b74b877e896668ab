"""How far the credits of all keys reach."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Number, Percent, plain

TOTALS = """
select coalesce(sum(k.allocated), 0) as allocated, coalesce(sum(k.spent), 0) as spent,
    coalesce(sum(k.credits), 0) as remaining,
    gateway_pct(coalesce(sum(k.spent), 0), greatest(sum(k.allocated), 0)) as utilization,
    count(*) filter (where k.credits <= 0 and k.spent > 0) as depleted,
    count(*) filter (
        where k.allocated > 0 and k.credits > 0
          and k.credits::float8 / nullif(k.allocated, 0)::float8 <= 0.1::float8) as low
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_live
"""

BURN = """
select coalesce(gateway_round(sum(c.credits)::float8 / nullif(sum(c.calls), 0)::float8, 2), 0)
        as credits_per_call,
    coalesce(sum(c.calls), 0)::bigint as total_calls
from gateway_usage(%(sources)s, %(start)s, %(end)s) c
where c.allowed
"""

CONSUMERS = """
select k.name as key_name, k.spent as credits_spent, k.credits as credits_remaining,
    k.calls as call_count
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_live and k.spent > 0
order by k.spent desc, k.place
limit 10
"""

# __proto__ is no member of an object made by assignment.
NAMESPACES = """
select n.namespace, n.allocated, n.spent, n.remaining, n.keys,
    gateway_pct(n.spent, greatest(n.allocated, 0)) as utilization
from (
    select coalesce(nullif(k.namespace, ''), 'default') as namespace,
        sum(k.allocated) as allocated, sum(k.spent) as spent, sum(k.credits) as remaining,
        count(*) as keys, min(k.place) as first
    from gateway_keys(%(sources)s, %(as_of)s) k
    where k.is_live
    group by 1
) n
where n.namespace <> '__proto__'
order by gateway_member(n.namespace) nulls last, n.first
"""

SCARCE, TIGHT = 90, 75  # percent of all credits spent


@dataclass(frozen=True)
class CapacityTotals:
    """All active keys."""

    allocated: Credits
    spent: Credits
    remaining: Credits
    utilization: Percent
    depleted: Count
    low: Count


@dataclass(frozen=True)
class CapacityNamespaceTotals:
    """Active keys of a namespace, with its name."""

    namespace: str
    allocated: Credits
    spent: Credits
    remaining: Credits
    keys: Count
    utilization: Percent


@dataclass(frozen=True)
class CapacityBurnRate:
    """Allowed calls."""

    credits_per_call: Number
    total_calls: Count


@dataclass(frozen=True)
class CapacitySummary:
    """All active keys."""

    total_credits_allocated: Credits
    total_credits_spent: Credits
    total_credits_remaining: Credits
    utilization_pct: Percent
    burn_rate: CapacityBurnRate


@dataclass(frozen=True)
class CapacityConsumer:
    """An active key."""

    key_name: str
    credits_spent: Credits
    credits_remaining: Credits
    call_count: Count


@dataclass(frozen=True)
class CapacityNamespace:
    """Active keys of a namespace."""

    allocated: Credits
    spent: Credits
    remaining: Credits
    keys: Count
    utilization_pct: Percent


@dataclass(frozen=True)
class Capacity:
    """Consumers by credits spent, the most first."""

    summary: CapacitySummary
    top_consumers: list[CapacityConsumer]
    by_namespace: dict[str, CapacityNamespace]
    recommendations: list[str]
    generated_at: IsoMs


@report(Family.GATEWAY)
def capacity(params: GatewaySpanParams, snapshot: Snapshot) -> Capacity:
    """Capacity.

    Credits of the keys that are active now, suspended and expired ones too, in all and by
    namespace: allocated is what a key holds and has spent. topConsumers are the first 10 that have
    spent. burnRate is over the allowed metered calls of the range, by anybody, refunds included as
    calls. Recommendations are made at 75 and 90 percent of all credits spent, and for keys that
    have spent everything or have a tenth or less left (the gateway's text says "less than 10%").
    """
    totals = snapshot.one(CapacityTotals, TOTALS)
    burn = snapshot.one(CapacityBurnRate, BURN, **bounds(params.range(snapshot.as_of)))
    return Capacity(
        summary=CapacitySummary(
            totals.allocated, totals.spent, totals.remaining, totals.utilization, burn
        ),
        top_consumers=snapshot.fetch(CapacityConsumer, CONSUMERS),
        by_namespace={
            n.namespace: CapacityNamespace(n.allocated, n.spent, n.remaining, n.keys, n.utilization)
            for n in snapshot.fetch(CapacityNamespaceTotals, NAMESPACES)
        },
        recommendations=_recommendations(totals),
        generated_at=snapshot.as_of,
    )


def _recommendations(totals: CapacityTotals) -> list[str]:
    share = f"System utilization is at {plain(totals.utilization)}%"
    texts = []
    if totals.utilization >= SCARCE:
        texts.append(f"{share} — top up credits immediately to avoid service disruption")
    elif totals.utilization >= TIGHT:
        texts.append(f"{share} — consider adding more credits soon")
    if totals.depleted:
        texts.append(f"{totals.depleted} key(s) have zero remaining credits and need top-up")
    if totals.low:
        texts.append(f"{totals.low} key(s) have less than 10% credits remaining")
    return texts
