"""What consumers have been worth."""

from dataclasses import dataclass
from typing import Literal

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Number

CONSUMERS = """
select coalesce(nullif(k.name, ''), k.mask) as name,
    k.spent as lifetime_value,
    k.calls as total_calls,
    case when k.calls > 0 then gateway_round(k.spent::float8 / k.calls) else 0 end
        as avg_spend_per_call,
    (
        select count(distinct r.tool)
        from gateway_requests(%(sources)s, %(start)s, %(end)s) r
        where r.source_id = k.source_id and r.mask = k.mask collate "C" and r.allowed
    ) as tools_used,
    case when k.spent >= 100 then 'high' when k.spent >= 10 then 'medium' else 'low' end as tier
from (
    select *
    from gateway_keys(%(sources)s, %(as_of)s) g
    where g.is_act and g.spent > 0
    order by g.spent desc, g.place
    limit 20
) k
order by k.spent desc, k.place
"""

SUMMARY = """
select count(*) as total_consumers,
    coalesce(sum(k.spent) filter (where k.spent > 0), 0) as total_lifetime_value,
    coalesce(gateway_round((sum(k.spent) filter (where k.spent > 0))::float8 / count(*)), 0)
        as avg_lifetime_value
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
"""


@dataclass(frozen=True)
class ConsumerLifetimeValueConsumer:
    """A key and the credits it has spent."""

    name: str
    lifetime_value: Credits
    total_calls: Count
    avg_spend_per_call: Number
    tools_used: Count
    tier: Literal["high", "medium", "low"]


@dataclass(frozen=True)
class ConsumerLifetimeValueSummary:
    """All active keys that are not suspended."""

    total_consumers: Count
    total_lifetime_value: Credits
    avg_lifetime_value: Number


@dataclass(frozen=True)
class ConsumerLifetimeValue:
    """The twenty consumers that have spent most."""

    consumers: list[ConsumerLifetimeValueConsumer]
    summary: ConsumerLifetimeValueSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def consumer_lifetime_value(params: GatewaySpanParams, snapshot: Snapshot) -> ConsumerLifetimeValue:
    """Consumer lifetime value.

    The twenty active, not suspended keys that have spent most credits. avgSpendPerCall is
    rounded to whole credits. toolsUsed counts the tools of allowed entries of the request log
    in the window under the key's mask; keys that share a mask share them. tier: high from 100
    credits, medium from 10, else low. The summary is over all active, not suspended keys, those
    that never spent too. Default window: all time.
    """
    span = bounds(params.range(snapshot.as_of))
    return ConsumerLifetimeValue(
        consumers=snapshot.fetch(ConsumerLifetimeValueConsumer, CONSUMERS, **span),
        summary=snapshot.one(ConsumerLifetimeValueSummary, SUMMARY),
        generated_at=snapshot.as_of,
    )
