"""How many of the active keys use each tool."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, IsoMs, Percent

TOOLS = """
select t.tool,
    t.consumers as unique_consumers,
    gateway_pct(t.consumers, k.active) as adoption_rate,
    t.calls as total_calls,
    t.first_at as first_seen,
    t.last_at as last_seen
from gateway_tools(%(sources)s, %(start)s, %(end)s) t
cross join (
    select count(*) as active from gateway_keys(%(sources)s, %(as_of)s) where is_act
) k
order by adoption_rate desc, t.calls desc, t.seen, t.tool collate "C"
"""


@dataclass(frozen=True)
class ToolAdoptionTool:
    """The allowed calls of a tool."""

    tool: str
    unique_consumers: Count
    adoption_rate: Percent
    total_calls: Count
    first_seen: IsoMs
    last_seen: IsoMs


@dataclass(frozen=True)
class ToolAdoptionSummary:
    """How many tools there are."""

    total_tools: Count
    used_tools: Count
    unused_tools: Count


@dataclass(frozen=True)
class ToolAdoption:
    """Tools by the share of keys that use them, widest first."""

    tools: list[ToolAdoptionTool]
    summary: ToolAdoptionSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def tool_adoption(params: GatewaySpanParams, snapshot: Snapshot) -> ToolAdoption:
    """Tool adoption.

    Allowed entries of the request log by tool. adoptionRate compares the masked keys that
    called the tool, revoked and suspended ones too, with the keys that are active and not
    suspended now, so it can exceed 100; it is 0 when there are none. Widest first, then by
    calls, then by first appearance. firstSeen and lastSeen are times of completion. Only tools
    in the log are known, hence unusedTools is always 0; /admin/dependencies also counts priced
    tools. Default window: all time.
    """
    tools = snapshot.fetch(ToolAdoptionTool, TOOLS, **bounds(params.range(snapshot.as_of)))
    return ToolAdoption(
        tools=tools,
        summary=ToolAdoptionSummary(total_tools=len(tools), used_tools=len(tools), unused_tools=0),
        generated_at=snapshot.as_of,
    )
