"""Who pays most."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from analytics.params import Range, TopParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, EpochMs, Money

ALL_TIME = """
select t.key1 as address, t.volume as amount, t.payments
from analytics_top('payer', %(limit)s, %(until)s, %(sources)s, %(networks)s) t
order by t.volume desc, t.key1 collate "C"
"""

WINDOWED = """
select
    p.payer as address,
    coalesce(sum(p.amount_usd) filter (where p.is_volume), 0) as amount,
    count(*) as payments
from billing_payment p
where p.status = 'settled'
  and p.payer is not null
  and p.settled_at >= %(start)s and p.settled_at < %(end)s
  and p.network_id = any(%(networks)s)
  and (%(sources)s::bigint[] is null or p.source_id = any(%(sources)s))
group by p.payer
order by 2 desc, p.payer collate "C"
limit %(limit)s
"""

LAST_PAYMENTS = """
select
    t.address,
    t.amount as total_paid,
    t.payments as payment_count,
    (select floor(extract(epoch from max(p.settled_at)) * 1000)::bigint
     from billing_payment p
     where p.payer = t.address
       and p.status = 'settled'
       and p.settled_at < %(end)s
       and p.network_id = any(%(networks)s)
       and (%(sources)s::bigint[] is null or p.source_id = any(%(sources)s))
    ) as last_payment
from unnest(%(addresses)s::text[], %(amounts)s::numeric[], %(counts)s::bigint[])
    with ordinality t (address, amount, payments, place)
order by t.place
"""

LEFT_OUT = """
select
    coalesce(sum(s.settled_without_payer), 0)::bigint as nameless,
    coalesce(sum(s.settled_unpriced), 0)::bigint as unpriced
from analytics_stats(%(start)s, %(end)s, 2, %(sources)s) s
where s.network_id = any(%(networks)s)
"""


@dataclass(frozen=True)
class RankedAddress:
    """An address, the money it paid or received, and in how many payments."""

    address: str
    amount: Decimal
    payments: int


@dataclass(frozen=True)
class LeftOut:
    """Settled payments that a ranking cannot place, and those it cannot add up."""

    nameless: int
    unpriced: int


@dataclass(frozen=True)
class TopPayer:
    """A payer's settled payments in the window."""

    address: str
    total_paid: Money
    payment_count: Count
    last_payment: EpochMs


@report(Family.PAYMENTS)
def top_payers(params: TopParams, snapshot: Snapshot) -> list[TopPayer]:
    """Top payers.

    Payers by what they paid in settled payments of the window (USD), largest first, then by
    address. paymentCount counts their settled payments, lastPayment is when the newest settled, in
    epoch milliseconds. Payments whose payer is not known are in no row; the header X-Without-Payer
    says how many there are, X-Unpriced-Payments how many payments have no USD price and add
    nothing to an amount. Default window: all time; default limit 10.
    """
    span = params.range(snapshot.as_of)
    ranked = ranked_payers(span, params.limit, snapshot)
    left_out = snapshot.one(LeftOut, LEFT_OUT, **bounds(span))
    snapshot.note("without_payer", left_out.nameless)
    snapshot.note("unpriced_payments", left_out.unpriced)
    return snapshot.fetch(TopPayer, LAST_PAYMENTS, **bounds(span), **columns(ranked))


def ranked_payers(span: Range, limit: int, snapshot: Snapshot) -> list[RankedAddress]:
    """The first `limit` payers of a range; of all time from running totals."""
    sql = ALL_TIME if span.start is None else WINDOWED
    return snapshot.fetch(RankedAddress, sql, **bounds(span), until=span.last, limit=limit)


def columns(ranked: Sequence[RankedAddress]) -> dict[str, list[str] | list[Decimal] | list[int]]:
    """A ranking as parallel arrays for SQL."""
    return {
        "addresses": [row.address for row in ranked],
        "amounts": [row.amount for row in ranked],
        "counts": [row.payments for row in ranked],
    }
