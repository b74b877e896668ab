"""Where credits are and where they go."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Percent

SUMMARY = """
select coalesce(sum(k.allocated), 0) as total_allocated, coalesce(sum(k.spent), 0) as total_spent,
    coalesce(sum(k.credits), 0) as total_remaining,
    gateway_pct(coalesce(sum(k.spent), 0), greatest(sum(k.allocated), 0)) as utilization_pct
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_live
"""

SPENDERS = """
select k.name as key_name, k.spent as credits_spent, k.credits as credits_remaining,
    k.calls as call_count
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_live and k.spent > 0
order by k.spent desc, k.place
limit 10
"""

TOOLS = """
select c.tool, sum(c.credits) as credits_spent, sum(c.calls)::bigint as call_count
from gateway_usage(%(sources)s, %(start)s, %(end)s) c
where c.allowed and c.tool <> ''
  and exists (select from gateway_keys(%(sources)s, %(as_of)s) k where k.is_live)
group by c.tool
order by sum(c.credits) desc, min(c.first)
"""


@dataclass(frozen=True)
class CreditFlowSummary:
    """All active keys."""

    total_allocated: Credits
    total_spent: Credits
    total_remaining: Credits
    utilization_pct: Percent


@dataclass(frozen=True)
class CreditFlowSpender:
    """An active key."""

    key_name: str
    credits_spent: Credits
    credits_remaining: Credits
    call_count: Count


@dataclass(frozen=True)
class CreditFlowTool:
    """Allowed calls of a tool."""

    tool: str
    credits_spent: Credits
    call_count: Count


@dataclass(frozen=True)
class CreditFlow:
    """Keys and tools by credits spent, the most first."""

    summary: CreditFlowSummary
    top_spenders: list[CreditFlowSpender]
    by_tool: list[CreditFlowTool]
    generated_at: IsoMs


@report(Family.GATEWAY)
def credit_flow(params: GatewaySpanParams, snapshot: Snapshot) -> CreditFlow:
    """Credit flow.

    Credits of the keys that are active now, suspended and expired ones too: allocated is what a
    key holds and has spent. topSpenders are the first 10 of them that have spent; byTool are the
    allowed metered calls of the range, by anybody. The two need not agree: calls of revoked keys
    are in byTool only, surcharges on the output of a tool in the keys only. Without an active key
    byTool is empty, as the gateway leaves it.
    """
    return CreditFlow(
        summary=snapshot.one(CreditFlowSummary, SUMMARY),
        top_spenders=snapshot.fetch(CreditFlowSpender, SPENDERS),
        by_tool=snapshot.fetch(CreditFlowTool, TOOLS, **bounds(params.range(snapshot.as_of))),
        generated_at=snapshot.as_of,
    )
