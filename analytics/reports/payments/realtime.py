"""What is happening now."""

from dataclasses import dataclass
from decimal import Decimal

from analytics.params import INSTANT, ReportParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.series import hour_starts
from analytics.units import Count, Money

SQL = """
select
    (select count(*) from billing_payment p
     where p.status = 'settled'
       and p.settled_at > %(as_of)s::timestamptz - interval '60 seconds'
       and p.settled_at <= %(as_of)s
       and p.network_id = any(%(networks)s)
       and (%(sources)s::bigint[] is null or p.source_id = any(%(sources)s))
    ) as payments_per_minute,
    (select coalesce(sum(s.facilitator_fees + s.gas_sponsorship + s.premium), 0)
     from analytics_stats(
         %(hour)s, %(as_of)s::timestamptz + interval '1 microsecond', 2, %(sources)s) s
     where s.network_id = any(%(networks)s)
    ) as revenue_per_hour,
    (select count(*) from analytics_liveconnection c
     where c.seen_at > %(as_of)s::timestamptz - interval '15 seconds'
    ) as active_connections
"""


OPEN = """
select count(*) as payments
from billing_payment p
where p.status in ('received', 'verified', 'pending')
  and p.started_at <= %(as_of)s
  and p.network_id = any(%(networks)s)
  and (%(sources)s::bigint[] is null or p.source_id = any(%(sources)s))
"""


@dataclass(frozen=True)
class Pace:
    """What happens in a minute and in an hour, and who is looking."""

    payments_per_minute: int
    revenue_per_hour: Decimal
    active_connections: int


@dataclass(frozen=True)
class OpenPayments:
    """Payments whose end is not known yet."""

    payments: int


@dataclass(frozen=True)
class RealtimeStats:
    """The portal at this moment."""

    payments_per_minute: Count
    revenue_per_hour: Money
    pending_settlements: Count
    active_connections: Count


@report(Family.PAYMENTS)
def realtime(params: ReportParams, snapshot: Snapshot) -> RealtimeStats:
    """Real-time figures.

    Payments settled in the last 60 seconds, revenue (facilitator fees + gas sponsorship + premium
    features) of the current clock hour in tz so far, payments now open (received, verified or
    pending), and live connections of signed-in staff seen in the last 15 seconds.
    """
    hours = hour_starts(snapshot.as_of, snapshot.as_of + INSTANT, params.tz)
    pace = snapshot.one(Pace, SQL, hour=hours[0])
    return RealtimeStats(
        payments_per_minute=pace.payments_per_minute,
        revenue_per_hour=pace.revenue_per_hour,
        pending_settlements=open_payments(snapshot),
        active_connections=pace.active_connections,
    )


def open_payments(snapshot: Snapshot) -> int:
    """How many payments are now received, verified or pending."""
    return snapshot.one(OpenPayments, OPEN).payments
