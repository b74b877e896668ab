"""What is paid for."""

from dataclasses import dataclass

from analytics.params import TopParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Money

SQL = """
select
    p.resource,
    coalesce(sum(p.amount_usd) filter (where p.is_volume), 0) as volume,
    count(*) as count,
    count(distinct p.payer) as unique_payers,
    count(*) filter (where p.is_volume and p.amount_usd is null) as unpriced_payments
from billing_payment p
where p.status = 'settled'
  and p.resource is not null
  and (%(start)s::timestamptz is null or p.settled_at >= %(start)s)
  and p.settled_at < %(end)s
  and p.network_id = any(%(networks)s)
  and (%(sources)s::bigint[] is null or p.source_id = any(%(sources)s))
group by p.resource
order by 2 desc, p.resource collate "C"
limit %(limit)s
"""


@dataclass(frozen=True)
class TopResource:
    """The settled payments for one resource."""

    resource: str
    volume: Money
    count: Count
    unique_payers: Count
    unpriced_payments: Count


@report(Family.PAYMENTS)
def top_resources(params: TopParams, snapshot: Snapshot) -> list[TopResource]:
    """Top resources.

    Resources (an API's route template or path, an MCP tool) by the volume of the settled payments
    for them in the window (USD), largest first, then by name. uniquePayers counts the different
    known payers. Payments that name no resource are in no row. Default window: all time; default
    limit 10.
    """
    span = params.range(snapshot.as_of)
    return snapshot.fetch(TopResource, SQL, **bounds(span), limit=params.limit)
