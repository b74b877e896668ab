"""Which calls were denied, why, of whom and of what."""

from dataclasses import dataclass
from itertools import islice

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Ratio

# Denials are few: their names, tools and reasons are summed apart from the mass of calls.
TOTALS = """
with refused as materialized (
    select c.name, c.tool, gateway_denial(c.deny_reason) as reason, sum(c.calls)::bigint as denials,
        min(c.first) as first
    from gateway_usage(%(sources)s, %(start)s, %(end)s) c
    where not c.allowed and c.deny_reason <> ''
    group by 1, 2, 3
), reasons as materialized (
    select p.part, p.label, r.reason, sum(r.denials)::bigint as denials, min(r.first) as first
    from refused r
    cross join lateral (values ('all', ''), ('name', r.name), ('tool', r.tool)) p (part, label)
    group by p.part, p.label, r.reason
), labels as (
    -- put together by adding up, not by a join: the planner cannot know how many labels there are
    select l.part, l.label, sum(l.calls)::bigint as calls, sum(l.denials)::bigint as denials,
        (array_agg(l.reason order by l.denials desc, l.first)
            filter (where l.reason is not null))[1] as top_reason,
        min(l.first) filter (where l.reason is null) as first
    from (
        select s.part, s.label, s.calls, 0 as denials, null as reason, s.first
        from gateway_sums(%(sources)s, %(start)s, %(end)s, null) s
        where s.part <> 'namespace'
        union all
        select r.part, r.label, 0, r.denials, r.reason, r.first
        from reasons r
    ) l
    group by l.part, l.label
)
select t.part, t.label, t.calls, t.denials, t.denial_rate, t.top_reason
from (
    select l.part, l.label, l.calls, l.denials, l.top_reason, l.first, l.denials as weight,
        coalesce(gateway_round(l.denials::float8 / nullif(l.calls, 0), 4), 0) as denial_rate
    from labels l
    union all
    select 'reason', r.reason, r.denials, r.denials, null, r.first, 0, 1
    from reasons r
    where r.part = 'all'
) t
order by t.part, t.weight desc, t.first
"""

HOURS = """
select gateway_hour(h.hour, %(zone)s) as hour, h.calls, h.refused as denials
from (
    select t.hour, t.calls, t.refused
    from gateway_hours(%(sources)s, %(start)s, %(end)s, null, %(zone)s) t
    order by t.hour desc
    limit 24
) h
order by h.hour
"""

MOST = 10


@dataclass(frozen=True)
class DenialsTotal:
    """Calls of a name or a tool, denials of a reason, or all calls."""

    part: str
    label: str
    calls: Count
    denials: Count
    denial_rate: Ratio
    top_reason: str | None


@dataclass(frozen=True)
class DenialsSummary:
    """All calls."""

    total_calls: Count
    total_denials: Count
    denial_rate: Ratio


@dataclass(frozen=True)
class DenialsKey:
    """Calls of a name; topReason is null without denials."""

    name: str
    calls: Count
    denials: Count
    denial_rate: Ratio
    top_reason: str | None


@dataclass(frozen=True)
class DenialsTool:
    """Calls of a tool; topReason is null without denials."""

    tool: str
    calls: Count
    denials: Count
    denial_rate: Ratio
    top_reason: str | None


@dataclass(frozen=True)
class DenialsHour:
    """Calls of an hour."""

    hour: str
    calls: Count
    denials: Count


@dataclass(frozen=True)
class DenialsMost:
    """A name that was denied."""

    name: str
    denials: Count
    calls: Count
    denial_rate: Ratio
    top_reason: str | None


@dataclass(frozen=True)
class Denials:
    """Lists by denials, the most first."""

    summary: DenialsSummary
    by_reason: dict[str, Count]
    per_key: list[DenialsKey]
    per_tool: list[DenialsTool]
    hourly_trends: list[DenialsHour]
    most_denied: list[DenialsMost]


@report(Family.GATEWAY)
def denials(params: GatewaySpanParams, snapshot: Snapshot) -> Denials:
    """Denials.

    Metered calls that were denied with a reason, by reason, name, tool and hour: the last 24 hours
    that have calls. A reason is sorted into a category by what its text contains:
    tool_rate_limited, rate_limited, insufficient_credits, key_suspended, api_key_expired,
    invalid_api_key, missing_api_key, token_tool_not_allowed, tool_not_allowed, ip_not_allowed,
    spending_limit_exceeded, quota_exceeded, team_budget_exceeded, else other, which also holds
    tools on a deny list and countries. Reasons stand in the order in which they were first met;
    topReason is the most frequent, of equal ones the first met. A denial without a reason is not
    counted as one. Keys of equal name count as one.
    """
    span = bounds(params.range(snapshot.as_of))
    rows = snapshot.fetch(DenialsTotal, TOTALS, **span)
    keys = [
        DenialsKey(r.label, r.calls, r.denials, r.denial_rate, r.top_reason)
        for r in rows
        if r.part == "name"
    ]
    return Denials(
        summary=next(
            DenialsSummary(r.calls, r.denials, r.denial_rate) for r in rows if r.part == "all"
        ),
        by_reason={r.label: r.denials for r in rows if r.part == "reason"},
        per_key=keys,
        per_tool=[
            DenialsTool(r.label, r.calls, r.denials, r.denial_rate, r.top_reason)
            for r in rows
            if r.part == "tool"
        ],
        hourly_trends=snapshot.fetch(DenialsHour, HOURS, **span),
        most_denied=[
            DenialsMost(k.name, k.denials, k.calls, k.denial_rate, k.top_reason)
            for k in islice((k for k in keys if k.denials > 0), MOST)
        ],
    )
