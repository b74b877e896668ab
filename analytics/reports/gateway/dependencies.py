"""Which tools are used by whom."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, IsoMs

TOOLS = """
select s.label as tool, s.allowed as total_calls, p.number as unique_keys
from gateway_sums(%(sources)s, %(start)s, %(end)s, null) s
join (
    select t.tool, count(*) as number
    from gateway_name_tools(%(sources)s, %(start)s, %(end)s) n
    cross join lateral unnest(n.tools) t (tool)
    group by t.tool
) p on p.tool = s.label
where s.part = 'tool'
order by s.allowed desc, s.first_allowed
"""

KEYS = """
select n.name as key_name, n.tools, cardinality(n.tools) as tool_count
from gateway_name_tools(%(sources)s, %(start)s, %(end)s) n
order by cardinality(n.tools) desc, n.first
"""

PRICED = """
select count(distinct p.tool) as tools,
    count(distinct p.tool) filter (where p.tool <> all(%(used)s::text[])) as unused
from billing_toolprice p
where %(sources)s::bigint[] is null or p.source_id = any(%(sources)s)
"""


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
    span = bounds(params.range(snapshot.as_of))
    tools = snapshot.fetch(DependenciesTool, TOOLS, **span)
    priced = snapshot.one(DependenciesPriced, PRICED, used=[t.tool for t in tools])
    return Dependencies(
        summary=DependenciesSummary(len(tools) + priced.unused, len(tools), priced.unused),
        tool_usage=tools,
        key_tool_map=snapshot.fetch(DependenciesKey, KEYS, **span),
        generated_at=snapshot.as_of,
    )
