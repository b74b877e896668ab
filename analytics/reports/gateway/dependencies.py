"""Which tools are used by whom."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, IsoMs

USES = """
with pairs as materialized (
    select c.name, c.tool, sum(c.calls) as calls, min(c.first) as first
    from gateway_usage(%(sources)s, %(start)s, %(end)s) c
    where c.allowed and c.tool <> ''
    group by c.name, c.tool
)
select u.part, u.label, u.weight, u.number, u.tools
from (
    select 'tool' as part, p.tool as label, sum(p.calls)::bigint as weight, count(*) as number,
        null::text[] as tools, min(p.first) as first
    from pairs p
    group by p.tool
    union all
    select 'name', p.name, count(*), count(*),
        array_agg(p.tool order by gateway_units(p.tool) collate "C"), min(p.first)
    from pairs p
    group by p.name
) u
order by u.part, u.weight desc, u.first
"""

PRICED = """
select count(distinct p.tool) as tools,
    count(distinct p.tool) filter (where p.tool <> all(%(used)s::text[])) as unused
from billing_toolprice p
where %(sources)s::bigint[] is null or p.source_id = any(%(sources)s)
"""


@dataclass(frozen=True)
class DependenciesUse:
    """A tool with its callers, or a name with its tools."""

    part: str
    label: str
    weight: Count
    number: Count
    tools: list[str] | None


@dataclass(frozen=True)
class DependenciesPriced:
    """Tools on the price list, and those of them that were not used."""

    tools: Count
    unused: Count


@dataclass(frozen=True)
class DependenciesSummary:
    """Tools used or on the price list."""

    total_tools: Count
    used_tools: Count
    unused_tools: Count


@dataclass(frozen=True)
class DependenciesTool:
    """A tool and how many names call it."""

    tool: str
    total_calls: Count
    unique_keys: Count


@dataclass(frozen=True)
class DependenciesKey:
    """A name and the tools it calls, sorted."""

    key_name: str
    tools: list[str]
    tool_count: Count


@dataclass(frozen=True)
class Dependencies:
    """Tools by calls, names by tools, the most first."""

    summary: DependenciesSummary
    tool_usage: list[DependenciesTool]
    key_tool_map: list[DependenciesKey]
    generated_at: IsoMs


@report(Family.GATEWAY)
def dependencies(params: GatewaySpanParams, snapshot: Snapshot) -> Dependencies:
    """Dependencies.

    Allowed metered calls: every tool with its calls and the number of names that call it, every
    name with its tools. totalTools are the tools called and those on the price list; unusedTools
    are on the price list only. Tools that are neither priced nor called are not known here. Keys
    of equal name count as one.
    """
    rows = snapshot.fetch(DependenciesUse, USES, **bounds(params.range(snapshot.as_of)))
    tools = [DependenciesTool(r.label, r.weight, r.number) for r in rows if r.part == "tool"]
    priced = snapshot.one(DependenciesPriced, PRICED, used=[t.tool for t in tools])
    return Dependencies(
        summary=DependenciesSummary(len(tools) + priced.unused, len(tools), priced.unused),
        tool_usage=tools,
        key_tool_map=[
            DependenciesKey(r.label, r.tools or [], r.number) for r in rows if r.part == "name"
        ],
        generated_at=snapshot.as_of,
    )
