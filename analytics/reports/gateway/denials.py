"""Which calls were denied, why, of whom and of what."""

from dataclasses import dataclass
from itertools import islice

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Ratio

# Labels of a part with their denials, and the reason that most have.
LABELS = """
from gateway_sums(%(sources)s, %(start)s, %(end)s, null) s
left join (
    select r.part, r.label, sum(r.calls)::bigint as denials,
        (array_agg(r.category order by r.calls desc, r.first))[1] as top_reason
    from gateway_refusals(%(sources)s, %(start)s, %(end)s) r
    group by r.part, r.label
) d on d.part = s.part and d.label = s.label
cross join lateral (
    select coalesce(d.denials, 0) as denials,
        coalesce(gateway_round(d.denials::float8 / nullif(s.calls, 0), 4), 0) as denial_rate
) t
"""

SUMMARY = f"""
select s.calls as total_calls, t.denials as total_denials, t.denial_rate
{LABELS}
where s.part = 'all'
"""

KEYS = f"""
select s.label as name, s.calls, t.denials, t.denial_rate, d.top_reason
{LABELS}
where s.part = 'name'
order by t.denials desc, s.first
"""

TOOLS = f"""
select s.label as tool, s.calls, t.denials, t.denial_rate, d.top_reason
{LABELS}
where s.part = 'tool'
order by t.denials desc, s.first
"""

REASONS = """
select r.category as reason, r.calls as denials
from gateway_refusals(%(sources)s, %(start)s, %(end)s) r
where r.part = 'all'
order by r.first
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
class DenialsReason:
    """Calls denied for a category of reasons."""

    reason: str
    denials: Count


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
    keys = snapshot.fetch(DenialsKey, KEYS, **span)
    return Denials(
        summary=snapshot.one(DenialsSummary, SUMMARY, **span),
        by_reason={r.reason: r.denials for r in snapshot.fetch(DenialsReason, REASONS, **span)},
        per_key=keys,
        per_tool=snapshot.fetch(DenialsTool, TOOLS, **span),
        hourly_trends=snapshot.fetch(DenialsHour, HOURS, **span),
        most_denied=[
            DenialsMost(k.name, k.denials, k.calls, k.denial_rate, k.top_reason)
            for k in islice((k for k in keys if k.denials > 0), MOST)
        ],
    )
