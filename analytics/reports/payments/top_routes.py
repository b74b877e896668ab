"""Who pays whom."""

from dataclasses import dataclass

from analytics.params import TopParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.reports.payments.top_payers import LeftOut
from analytics.units import Count, Money

ALL_TIME = """
select t.key1 as payer, t.key2 as payee, t.volume, t.payments as count
from analytics_top('route', %(limit)s, %(until)s, %(sources)s, %(networks)s) t
order by t.volume desc, t.key1 collate "C", t.key2 collate "C"
"""

WINDOWED = """
select
    p.payer,
    p.payee,
    coalesce(sum(p.amount_usd) filter (where p.is_volume), 0) as volume,
    count(*) as count
from billing_payment p
where p.status = 'settled'
  and p.payer is not null and p.payee is not null
  and p.settled_at >= %(start)s and p.settled_at < %(end)s
  and p.network_id = any(%(networks)s)
  and (%(sources)s::bigint[] is null or p.source_id = any(%(sources)s))
group by p.payer, p.payee
order by 3 desc, p.payer collate "C", p.payee collate "C"
limit %(limit)s
"""

LEFT_OUT = """
select
    (select count(*)
     from (
         select p.settled_at, p.network_id, p.source_id
         from billing_payment p
         where p.status = 'settled' and p.payer is null
         union all
         select p.settled_at, p.network_id, p.source_id
         from billing_payment p
         where p.status = 'settled' and p.payee is null and p.payer is not null
     ) v
     where (%(start)s::timestamptz is null or v.settled_at >= %(start)s)
       and v.settled_at < %(end)s
       and v.network_id = any(%(networks)s)
       and (%(sources)s::bigint[] is null or v.source_id = any(%(sources)s))
    ) as nameless,
    (select coalesce(sum(s.settled_unpriced), 0)::bigint
     from analytics_stats(%(start)s, %(end)s, 2, %(sources)s) s
     where s.network_id = any(%(networks)s)
    ) as unpriced
"""


@dataclass(frozen=True)
class TopRoute:
    """The settled payments from one payer to one payee."""

    payer: str
    payee: str
    volume: Money
    count: Count


@report(Family.PAYMENTS)
def top_routes(params: TopParams, snapshot: Snapshot) -> list[TopRoute]:
    """Top routes.

    Pairs of payer and payee by the volume of their settled payments in the window (USD), largest
    first, then by payer and payee. Payments that lack either are in no row; the header
    X-Without-Route says how many there are, X-Unpriced-Payments how many payments have no USD
    price and add nothing to a volume. Default window: all time; default limit 10.
    """
    span = params.range(snapshot.as_of)
    left_out = snapshot.one(LeftOut, LEFT_OUT, **bounds(span))
    snapshot.note("without_route", left_out.nameless)
    snapshot.note("unpriced_payments", left_out.unpriced)
    sql = ALL_TIME if span.start is None else WINDOWED
    return snapshot.fetch(TopRoute, sql, **bounds(span), until=span.last, limit=params.limit)
