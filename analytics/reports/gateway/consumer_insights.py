"""Which consumers spend and call most, and how many tools they use."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs

# Tools under a mask are credited to the first key that has it.
RANKED = """
with keys as materialized (
    select * from gateway_keys(%(sources)s, %(as_of)s)
), ranked as (
    (select 'spent' as ranking, * from keys where spent > 0 order by spent desc, place limit 10)
    union all
    (select 'calls', * from keys where calls > 0 order by calls desc, place limit 10)
)
select k.ranking, k.name, k.spent as total_spent, k.calls as total_calls,
    case when exists (
        select 1
        from keys f
        where f.source_id = k.source_id and f.mask = k.mask and f.place < k.place
    ) then 0 else (
        select count(distinct r.tool)
        from gateway_requests(%(sources)s, %(start)s, %(end)s) r
        where r.source_id = k.source_id and r.mask = k.mask collate "C"
            and r.allowed and r.tool <> ''
    ) end as unique_tools
from ranked k
order by k.ranking, case when k.ranking = 'spent' then k.spent else k.calls end desc, k.place
"""

SUMMARY = """
select count(*) as total_consumers,
    count(*) filter (where k.calls > 0) as active_consumers,
    coalesce(sum(k.spent), 0) as total_credits_spent,
    coalesce(sum(k.calls), 0)::bigint as total_calls
from gateway_keys(%(sources)s, %(as_of)s) k
"""


@dataclass(frozen=True)
class ConsumerInsightsRow:
    """A key in one of the two rankings: by credits `spent` or by `calls`."""

    ranking: str
    name: str
    total_spent: Credits
    total_calls: Count
    unique_tools: Count


@dataclass(frozen=True)
class ConsumerInsightsSummary:
    """All keys, also revoked ones."""

    total_consumers: Count
    active_consumers: Count
    total_credits_spent: Credits
    total_calls: Count


@dataclass(frozen=True)
class ConsumerInsightsSpender:
    """A key among those that spent most."""

    name: str
    total_spent: Credits
    total_calls: Count
    unique_tools: Count


@dataclass(frozen=True)
class ConsumerInsightsCaller:
    """A key among those that called most."""

    name: str
    total_calls: Count
    total_spent: Credits
    unique_tools: Count


@dataclass(frozen=True)
class ConsumerInsights:
    """All keys, the ten that spent most and the ten that called most."""

    summary: ConsumerInsightsSummary
    top_spenders: list[ConsumerInsightsSpender]
    most_active: list[ConsumerInsightsCaller]
    generated_at: IsoMs


@report(Family.GATEWAY)
def consumer_insights(params: GatewaySpanParams, snapshot: Snapshot) -> ConsumerInsights:
    """Consumer insights.

    Calls and credits spent by all keys, revoked and suspended ones too: a key that was rotated
    leaves an inactive twin with the same totals and counts twice. topSpenders and mostActive
    are the ten keys with the most credits spent and the most calls. uniqueTools counts the
    tools of allowed entries of the request log in the window under the key's mask; of keys that
    share a mask the first has them all. Default window: all time.
    """
    rows = snapshot.fetch(ConsumerInsightsRow, RANKED, **bounds(params.range(snapshot.as_of)))
    return ConsumerInsights(
        summary=snapshot.one(ConsumerInsightsSummary, SUMMARY),
        top_spenders=[
            ConsumerInsightsSpender(row.name, row.total_spent, row.total_calls, row.unique_tools)
            for row in rows
            if row.ranking == "spent"
        ],
        most_active=[
            ConsumerInsightsCaller(row.name, row.total_calls, row.total_spent, row.unique_tools)
            for row in rows
            if row.ranking == "calls"
        ],
        generated_at=snapshot.as_of,
    )
