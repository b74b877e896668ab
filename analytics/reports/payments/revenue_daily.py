"""Settled payments day by day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from analytics.params import INSTANT, Days, Range, ReportParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.series import day_starts, grain, local_day, midnight
from analytics.units import Count, Money

# The unique counts of whole days are kept ready. A first day that the window cuts is counted
# from the facts; as_of cuts the last one.
SQL = """
with money as (
    select
        width_bucket(s.bucket, %(slots)s::timestamptz[]) as slot,
        sum(s.settled)::bigint as payments,
        sum(s.settled_volume) as volume,
        sum(s.facilitator_fees) as fees,
        sum(s.settled_unpriced)::bigint as unpriced,
        sum(s.settled_without_payer)::bigint as without_payer,
        sum(s.settled_without_payee)::bigint as without_payee
    from analytics_stats(%(start)s, %(end)s, %(grain)s, %(sources)s) s
    where s.network_id = any(%(networks)s)
    group by 1
), people as (
    select u.day, u.payers, u.payees
    from analytics_daily_uniques(
        %(first_whole)s, %(last)s, %(zone)s, %(until)s, %(sources)s, %(networks)s) u
    union all
    select %(first)s::date, count(distinct p.payer), count(distinct p.payee)
    from billing_payment p
    where p.status = 'settled'
      and p.settled_at >= %(start)s and p.settled_at < %(first_end)s
      and p.network_id = any(%(networks)s)
      and (%(sources)s::bigint[] is null or p.source_id = any(%(sources)s))
    having %(first)s::date < %(first_whole)s::date
)
select
    d.day as date,
    coalesce(m.payments, 0) as payments,
    coalesce(m.volume, 0) as volume,
    coalesce(m.fees, 0) as fees,
    coalesce(u.payers, 0) as unique_payers,
    coalesce(u.payees, 0) as unique_payees,
    coalesce(m.unpriced, 0) as unpriced_payments,
    coalesce(m.without_payer, 0) as without_payer,
    coalesce(m.without_payee, 0) as without_payee
from unnest(%(days)s::date[]) with ordinality d (day, slot)
left join money m on m.slot = d.slot
left join people u on u.day = d.day
order by d.day
"""


@dataclass(frozen=True, kw_only=True)
class DaysParams(ReportParams):
    """The last `days` local days, as_of's included."""

    days: Days = 30


@dataclass(frozen=True)
class DailyStats:
    """One local day's settled payments."""

    date: date
    payments: Count
    volume: Money
    fees: Money
    unique_payers: Count
    unique_payees: Count
    unpriced_payments: Count
    without_payer: Count
    without_payee: Count


@report(Family.PAYMENTS)
def revenue_daily(params: DaysParams, snapshot: Snapshot) -> list[DailyStats]:
    """Daily revenue.

    One row for each of the last `days` local days (zone tz), the last one as_of's, empty days
    included: payments settled that day, their volume, the facilitator fees booked that day, and
    how many different payers and payees there were. Payments whose payer or payee is not known
    are in no unique count; withoutPayer and withoutPayee say how many. unpricedPayments have no
    USD price and are not in volume.
    """
    end = snapshot.as_of + INSTANT
    last = local_day(snapshot.as_of, params.tz)
    days = [last - timedelta(days=n) for n in reversed(range(params.days))]
    return daily_stats(
        Range(midnight(days[0], params.tz), end, end, snapshot.as_of), days, params.tz, snapshot
    )


def daily_stats(
    span: Range, days: Sequence[date], zone: str, snapshot: Snapshot
) -> list[DailyStats]:
    """The days of a range, the first and the last cut where it cuts them."""
    slots = day_starts(days, zone)
    first_whole = _first_whole(span, days, slots)
    return snapshot.fetch(
        DailyStats,
        SQL,
        **bounds(span),
        slots=slots,
        days=list(days),
        grain=grain(slots),
        first=days[0],
        first_whole=first_whole,
        first_end=min(span.end, midnight(days[0] + timedelta(days=1), zone)),
        last=days[-1],
        until=span.last,
    )


def _first_whole(span: Range, days: Sequence[date], slots: Sequence[datetime]) -> date:
    is_cut = span.start is not None and span.start > slots[0]
    return days[0] + timedelta(days=1) if is_cut else days[0]
