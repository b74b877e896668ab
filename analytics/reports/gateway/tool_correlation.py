"""Which tools are used by the same consumers."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, IsoMs, Percent

# Consumers with the same tools are taken together, so that pairs are formed once for each set.
# The gateway joins the names of a pair with | and splits them there again.
PAIRS = """
with consumers as (
    select * from gateway_log_consumer_tools(%(sources)s, %(start)s, %(end)s)
), sets as (
    select array(
            select u.tool from unnest(c.tools) u (tool)
            order by gateway_units(u.tool) collate "C"
        ) as tools,
        c.consumers, c.seen
    from (
        select c.tools, count(*) as consumers, min(c.seen) as seen
        from consumers c
        group by c.tools
    ) c
), pairs as (
    select s.tools[s.i] as a, s.tools[s.j] as b, sum(s.consumers) as shared, min(s.seen) as seen
    from (
        select t.tools, t.consumers, t.seen, t.i,
            generate_series(t.i + 1, cardinality(t.tools)) as j
        from (select s.*, generate_subscripts(s.tools, 1) as i from sets s) t
    ) s
    group by 1, 2
), placed as (
    select p.a || '|' || p.b as pair, p.shared, p.seen,
        gateway_units(p.a) collate "C" as a, gateway_units(p.b) collate "C" as b
    from pairs p
), merged as (
    select p.pair, sum(p.shared)::bigint as shared, min(p.seen) as seen,
        (array_agg(p.a order by p.seen, p.a, p.b))[1] as a,
        (array_agg(p.b order by p.seen, p.a, p.b))[1] as b
    from placed p
    group by p.pair
)
select split_part(m.pair, '|', 1) as tool_a,
    split_part(m.pair, '|', 2) as tool_b,
    m.shared as shared_consumers,
    gateway_pct(m.shared, (select sum(s.consumers) from sets s)) as strength
from merged m
order by m.shared desc, m.seen, m.a, m.b
"""

CONSUMERS = """
select count(*) as consumers
from gateway_log_consumer_tools(%(sources)s, %(start)s, %(end)s) c
"""


@dataclass(frozen=True)
class ToolCorrelationConsumers:
    """All consumers with an allowed call."""

    consumers: Count


@dataclass(frozen=True)
class ToolCorrelationPair:
    """Two tools and the consumers that called both."""

    tool_a: str
    tool_b: str
    shared_consumers: Count
    strength: Percent


@dataclass(frozen=True)
class ToolCorrelationSummary:
    """All pairs, and all consumers with an allowed call."""

    total_pairs: Count
    total_consumers: Count


@dataclass(frozen=True)
class ToolCorrelation:
    """Pairs by shared consumers, most first."""

    pairs: list[ToolCorrelationPair]
    summary: ToolCorrelationSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def tool_correlation(params: GatewaySpanParams, snapshot: Snapshot) -> ToolCorrelation:
    """Tool correlation.

    Pairs of tools that the same masked key called, by allowed entries of the request log; the
    names of a pair are in alphabetical order. strength is the share of all masked keys with an
    allowed call. Most shared first, then in the order in which the first consumer of the pair
    appeared. A tool name that contains | is cut there, and pairs that then read the same are
    one: the gateway's way, kept. Default window: all time.
    """
    span = bounds(params.range(snapshot.as_of))
    pairs = snapshot.fetch(ToolCorrelationPair, PAIRS, **span)
    found = snapshot.one(ToolCorrelationConsumers, CONSUMERS, **span)
    return ToolCorrelation(
        pairs=pairs,
        summary=ToolCorrelationSummary(len(pairs), found.consumers),
        generated_at=snapshot.as_of,
    )
