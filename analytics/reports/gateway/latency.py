"""Which tools are slow, and whose calls."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, IsoMs, Millis

SLOWEST = 10

# Calls of the same duration are taken together. p95 is the shortest duration that so many calls
# do not exceed.
SUMMARY = """
select coalesce(sum(d.calls), 0)::bigint as total_calls,
    coalesce(gateway_round((sum(d.duration_ms * d.calls) / sum(d.calls))::float8), 0)
        as avg_duration_ms,
    coalesce(min(d.duration_ms), 0) as min_duration_ms,
    coalesce(max(d.duration_ms), 0) as max_duration_ms,
    coalesce(
        min(d.duration_ms) filter (where d.so_far >= ceil(0.95::float8 * d.total)), 0
    ) as p95_duration_ms
from (
    select r.duration_ms, sum(r.calls) as calls, sum(sum(r.calls)) over () as total,
        sum(sum(r.calls)) over (order by r.duration_ms) as so_far
    from gateway_log_durations(%(sources)s, %(start)s, %(end)s) r
    group by r.duration_ms
) d
"""

TOOLS = """
select d.tool,
    sum(d.calls)::bigint as total_calls,
    gateway_round((sum(d.duration_ms * d.calls) / sum(d.calls))::float8) as avg_duration_ms,
    min(d.duration_ms) as min_duration_ms,
    max(d.duration_ms) as max_duration_ms,
    min(d.duration_ms) filter (where d.so_far >= ceil(0.95::float8 * d.total))
        as p95_duration_ms
from (
    select r.tool, r.duration_ms, sum(r.calls) as calls, min(r.seen) as seen,
        sum(sum(r.calls)) over (partition by r.tool) as total,
        sum(sum(r.calls)) over (partition by r.tool order by r.duration_ms) as so_far
    from gateway_log_durations(%(sources)s, %(start)s, %(end)s) r
    group by r.tool, r.duration_ms
) d
group by d.tool
order by avg_duration_ms desc, min(d.seen), d.tool collate "C"
"""

# Of keys that share a mask the last one lends its name.
KEYS = """
select coalesce(nullif(n.name, ''), d.mask) as key_name,
    sum(d.calls)::bigint as total_calls,
    gateway_round((sum(d.duration) / sum(d.calls))::float8) as avg_duration_ms,
    min(d.shortest) as min_duration_ms,
    max(d.longest) as max_duration_ms
from (
    select r.source_id, r.mask, r.allowed as calls, r.duration, r.shortest, r.longest, r.seen
    from gateway_log_consumers(%(sources)s, %(start)s, %(end)s) r
    where r.allowed > 0
) d
left join (
    select k.source_id, k.mask, k.name
    from billing_apikey k
    where not exists (
        select from billing_apikey l
        where l.source_id = k.source_id and l.mask = k.mask and l.id <> k.id
          and gateway_is_later(l, k))
) n on n.source_id = d.source_id and n.mask = d.mask
group by 1
order by avg_duration_ms desc, min(d.seen), coalesce(nullif(n.name, ''), d.mask) collate "C"
"""


@dataclass(frozen=True)
class LatencySummary:
    """All allowed calls."""

    total_calls: Count
    avg_duration_ms: Millis
    min_duration_ms: Millis
    max_duration_ms: Millis
    p95_duration_ms: Millis


@dataclass(frozen=True)
class LatencyTool:
    """The allowed calls of a tool."""

    tool: str
    total_calls: Count
    avg_duration_ms: Millis
    min_duration_ms: Millis
    max_duration_ms: Millis
    p95_duration_ms: Millis


@dataclass(frozen=True)
class LatencySlowTool:
    """A tool among the slowest."""

    tool: str
    avg_duration_ms: Millis
    total_calls: Count


@dataclass(frozen=True)
class LatencyKey:
    """The allowed calls of the keys of a name."""

    key_name: str
    total_calls: Count
    avg_duration_ms: Millis
    min_duration_ms: Millis
    max_duration_ms: Millis


@dataclass(frozen=True)
class Latency:
    """Durations of all calls, by tool and by key, slowest first."""

    summary: LatencySummary
    by_tool: list[LatencyTool]
    slowest_tools: list[LatencySlowTool]
    by_key: list[LatencyKey]
    generated_at: IsoMs


@report(Family.GATEWAY)
def latency(params: GatewaySpanParams, snapshot: Snapshot) -> Latency:
    """Latency.

    Durations of allowed entries of the request log in milliseconds, in all, by tool, for the
    ten slowest tools and by key; averages are rounded, p95 is the nearest rank. Slowest average
    first, then by first appearance. The log has masked keys: a mask is shown as the name of its
    key, of several keys with that mask the newest, and keys of the same name are one row; a
    mask without a key stays as it is. Default window: all time.
    """
    span = bounds(params.range(snapshot.as_of))
    by_tool = snapshot.fetch(LatencyTool, TOOLS, **span)
    return Latency(
        summary=snapshot.one(LatencySummary, SUMMARY, **span),
        by_tool=by_tool,
        slowest_tools=[
            LatencySlowTool(row.tool, row.avg_duration_ms, row.total_calls)
            for row in by_tool[:SLOWEST]
        ],
        by_key=snapshot.fetch(LatencyKey, KEYS, **span),
        generated_at=snapshot.as_of,
    )
