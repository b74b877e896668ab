"""How reliably calls succeed, and how long the gateway has been up."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, IsoMs, Percent

# __proto__ is no member of an object made by assignment.
TOTALS = """
with cells as materialized (
    select coalesce(nullif(c.tool, ''), 'unknown') as tool,
        case when not c.allowed
             then gateway_sla_reason(coalesce(nullif(c.deny_reason, ''), 'unknown')) end as reason,
        sum(c.calls) as calls, min(c.first) as first
    from gateway_usage(%(sources)s, %(start)s, %(end)s) c
    group by 1, 2
), tools as (
    select grouping(c.tool) as is_all, c.tool, coalesce(sum(c.calls), 0)::bigint as calls,
        coalesce(sum(c.calls) filter (where c.reason is null), 0)::bigint as allowed,
        min(c.first) as first
    from cells c
    group by grouping sets ((), (c.tool))
), reasons as (
    select c.reason, sum(c.calls)::bigint as calls, min(c.first) as first
    from cells c
    where c.reason <> '__proto__'
    group by c.reason
)
select p.part, p.label, p.calls, p.allowed, p.calls - p.allowed as denied, p.success_rate
from (
    select case t.is_all when 1 then 'all' else 'tool' end as part, coalesce(t.tool, '') as label,
        t.calls, t.allowed,
        coalesce(gateway_round(t.allowed::float8 / nullif(t.calls, 0) * 10000) / 100, 100)
            as success_rate,
        row_number() over (order by t.calls desc, t.first) as place
    from tools t
    union all
    select 'reason', r.reason, r.calls, 0, 0,
        row_number() over (order by gateway_member(r.reason) nulls last, r.first)
    from reasons r
) p
order by p.part, p.place
"""

UPTIME = """
select coalesce(g.started_at, %(as_of)s) as started_at,
    coalesce(greatest(floor(extract(epoch from %(as_of)s - g.started_at)), 0), 0)::bigint
        as uptime_seconds
from (select gateway_started(%(sources)s, %(as_of)s) as started_at) g
"""


@dataclass(frozen=True)
class SlaTotal:
    """Calls of a tool, denials of a reason, or all calls."""

    part: str
    label: str
    calls: Count
    allowed: Count
    denied: Count
    success_rate: Percent


@dataclass(frozen=True)
class SlaSummary:
    """All calls."""

    total_calls: Count
    allowed_calls: Count
    denied_calls: Count
    success_rate: Percent
    denial_reasons: dict[str, Count]


@dataclass(frozen=True)
class SlaTool:
    """Calls of a tool."""

    tool: str
    total_calls: Count
    allowed_calls: Count
    denied_calls: Count
    success_rate: Percent


@dataclass(frozen=True)
class SlaUptime:
    """Since when the gateway runs."""

    started_at: IsoMs
    uptime_seconds: Count


@dataclass(frozen=True)
class Sla:
    """Tools by calls, the most first."""

    summary: SlaSummary
    by_tool: list[SlaTool]
    uptime: SlaUptime
    generated_at: IsoMs


@report(Family.GATEWAY)
def sla(params: GatewaySpanParams, snapshot: Snapshot) -> Sla:
    """Service level.

    The share of metered calls that were allowed, in percent with two decimals (100 without calls),
    by tool, and denials by canonical reason in the order in which they were first met. A call
    counts as allowed when the gate let it pass; that the tool behind it failed is not seen here.
    Reasons by what their text contains: insufficient_credits, rate_limited, quota (quota_exceeded),
    acl or not allowed (acl_denied), spending_limit, suspended (key_suspended), expired
    (key_expired), else the text before the first colon. uptime counts from the gateway's last known
    start, else from its first fact; of several gateways from the earliest.
    """
    rows = snapshot.fetch(SlaTotal, TOTALS, **bounds(params.range(snapshot.as_of)))
    total = next(r for r in rows if r.part == "all")
    return Sla(
        summary=SlaSummary(
            total_calls=total.calls,
            allowed_calls=total.allowed,
            denied_calls=total.denied,
            success_rate=total.success_rate,
            denial_reasons={r.label: r.calls for r in rows if r.part == "reason"},
        ),
        by_tool=[
            SlaTool(r.label, r.calls, r.allowed, r.denied, r.success_rate)
            for r in rows
            if r.part == "tool"
        ],
        uptime=snapshot.one(SlaUptime, UPTIME),
        generated_at=snapshot.as_of,
    )
