"""Who earns most."""

from dataclasses import dataclass

from analytics.params import Range, TopParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.reports.payments.top_payers import LeftOut, RankedAddress, columns
from analytics.units import Count, Money

ALL_TIME = """
select t.key1 as address, t.volume as amount, t.payments
from analytics_top('payee', %(limit)s, %(until)s, %(sources)s, %(networks)s) t
order by t.volume desc, t.key1 collate "C"
"""

WINDOWED = """
select
    p.payee as address,
    coalesce(sum(p.amount_usd) filter (where p.is_volume), 0) as amount,
    count(*) as payments
from billing_payment p
where p.status = 'settled'
  and p.payee is not null
  and p.settled_at >= %(start)s and p.settled_at < %(end)s
  and p.network_id = any(%(networks)s)
  and (%(sources)s::bigint[] is null or p.source_id = any(%(sources)s))
group by p.payee
order by 2 desc, p.payee collate "C"
limit %(limit)s
"""

ALL_THEIR_PAYERS = """
select
    t.address,
    t.amount as total_received,
    t.payments as payment_count,
    coalesce(u.payers, 0) as unique_payers
from unnest(%(addresses)s::text[], %(amounts)s::numeric[], %(counts)s::bigint[])
    with ordinality t (address, amount, payments, place)
left join analytics_payee_payers(
    %(addresses)s::text[], %(until)s, %(sources)s, %(networks)s) u on u.payee = t.address
order by t.place
"""

THEIR_PAYERS = """
select
    t.address,
    t.amount as total_received,
    t.payments as payment_count,
    (select count(distinct p.payer)
     from billing_payment p
     where p.payee = t.address
       and p.status = 'settled'
       and p.settled_at >= %(start)s and p.settled_at < %(end)s
       and p.network_id = any(%(networks)s)
       and (%(sources)s::bigint[] is null or p.source_id = any(%(sources)s))
    ) as unique_payers
from unnest(%(addresses)s::text[], %(amounts)s::numeric[], %(counts)s::bigint[])
    with ordinality t (address, amount, payments, place)
order by t.place
"""

LEFT_OUT = """
select
    coalesce(sum(s.settled_without_payee), 0)::bigint as nameless,
    coalesce(sum(s.settled_unpriced), 0)::bigint as unpriced
from analytics_stats(%(start)s, %(end)s, 2, %(sources)s) s
where s.network_id = any(%(networks)s)
"""


@dataclass(frozen=True)
class TopPayee:
    """A payee's settled payments in the window."""

    address: str
    total_received: Money
    payment_count: Count
    unique_payers: Count


@report(Family.PAYMENTS)
def top_payees(params: TopParams, snapshot: Snapshot) -> list[TopPayee]:
    """Top payees.

    Payees by what they received in settled payments of the window (USD), largest first, then by
    address. paymentCount counts those payments, uniquePayers the different known payers. Payments
    whose payee is not known are in no row; the header X-Without-Payee says how many there are,
    X-Unpriced-Payments how many payments have no USD price and add nothing to an amount. Default
    window: all time; default limit 10.
    """
    span = params.range(snapshot.as_of)
    ranked = ranked_payees(span, params.limit, snapshot)
    left_out = snapshot.one(LeftOut, LEFT_OUT, **bounds(span))
    snapshot.note("without_payee", left_out.nameless)
    snapshot.note("unpriced_payments", left_out.unpriced)
    sql = ALL_THEIR_PAYERS if span.start is None else THEIR_PAYERS
    return snapshot.fetch(TopPayee, sql, **bounds(span), until=span.last, **columns(ranked))


def ranked_payees(span: Range, limit: int, snapshot: Snapshot) -> list[RankedAddress]:
    """The first `limit` payees of a range; of all time from running totals."""
    sql = ALL_TIME if span.start is None else WINDOWED
    return snapshot.fetch(RankedAddress, sql, **bounds(span), until=span.last, limit=limit)
