"""Which consumers are active, and since when not."""

from dataclasses import dataclass
from typing import Literal

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs

CONSUMERS = """
select coalesce(nullif(k.name, ''), 'unnamed') as name,
    k.calls as total_calls,
    k.spent as total_spent,
    k.credits as credits_remaining,
    l.last_at as last_active,
    case when k.calls > 0 then 'active' else 'inactive' end as status
from gateway_keys(%(sources)s, %(as_of)s) k
left join (
    select r.source_id, r.mask, max(r.last_at) as last_at
    from gateway_log_consumers(%(sources)s, %(start)s, %(end)s) r
    group by r.source_id, r.mask
) l on l.source_id = k.source_id and l.mask = k.mask
where k.is_act
order by k.spent desc, k.place
"""

SUMMARY = """
select count(*) as total_consumers,
    count(*) filter (where k.calls > 0) as active_consumers,
    count(*) filter (where k.calls <= 0) as inactive_consumers
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
"""


@dataclass(frozen=True)
class ConsumerActivityConsumer:
    """A key, what it did, and when it last asked for something."""

    name: str
    total_calls: Count
    total_spent: Credits
    credits_remaining: Credits
    last_active: IsoMs | None
    status: Literal["active", "inactive"]


@dataclass(frozen=True)
class ConsumerActivitySummary:
    """All active keys that are not suspended."""

    total_consumers: Count
    active_consumers: Count
    inactive_consumers: Count


@dataclass(frozen=True)
class ConsumerActivity:
    """Consumers by credits spent, most first."""

    consumers: list[ConsumerActivityConsumer]
    summary: ConsumerActivitySummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def consumer_activity(params: GatewaySpanParams, snapshot: Snapshot) -> ConsumerActivity:
    """Consumer activity.

    Active keys that are not suspended, most credits spent first, with their calls, credits
    spent and credits left now. lastActive is the last entry of the request log in the window
    under the key's mask, a denied one too; null when there is none. Keys that share a mask
    share it. status is active when the key was ever charged a call. Default window: all time.
    """
    span = bounds(params.range(snapshot.as_of))
    return ConsumerActivity(
        consumers=snapshot.fetch(ConsumerActivityConsumer, CONSUMERS, **span),
        summary=snapshot.one(ConsumerActivitySummary, SUMMARY),
        generated_at=snapshot.as_of,
    )
