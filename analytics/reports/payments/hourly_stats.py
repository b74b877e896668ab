"""A day, hour by hour."""

from dataclasses import dataclass
from datetime import timedelta

from analytics.params import INSTANT, Day, ReportParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.series import grain, local_day, midnight, wall_hours
from analytics.units import Count, Money

SQL = """
select
    h.hour,
    coalesce(sum(v.payments), 0)::bigint as payments,
    coalesce(sum(v.volume), 0) as volume,
    coalesce(sum(v.fees), 0) as fees,
    coalesce(sum(v.unpriced), 0)::bigint as unpriced_payments
from generate_series(0, 23) h (hour)
left join (
    select
        (%(hours)s::int[])[width_bucket(s.bucket, %(slots)s::timestamptz[])] as hour,
        s.settled as payments,
        s.settled_volume as volume,
        s.facilitator_fees as fees,
        s.settled_unpriced as unpriced
    from analytics_stats(%(start)s, %(end)s, %(grain)s, %(sources)s) s
    where s.network_id = any(%(networks)s)
) v on v.hour = h.hour
group by h.hour
order by h.hour
"""


@dataclass(frozen=True, kw_only=True)
class DayParams(ReportParams):
    """One local day."""

    date: Day = None


@dataclass(frozen=True)
class HourlyStats:
    """One wall-clock hour's settled payments."""

    hour: Count
    payments: Count
    volume: Money
    fees: Money
    unpriced_payments: Count


@report(Family.PAYMENTS)
def hourly_stats(params: DayParams, snapshot: Snapshot) -> list[HourlyStats]:
    """Hourly statistics of a day.

    Payments settled in each wall-clock hour of a local day (zone tz), their volume and the
    facilitator fees booked in it. Always 24 rows: an hour that the clock repeats is summed, one
    that it skips is empty, as are hours after as_of. Default date: as_of's day.
    """
    day = params.date or local_day(snapshot.as_of, params.tz)
    start, end = midnight(day, params.tz), midnight(day + timedelta(days=1), params.tz)
    hours = wall_hours(start, end, params.tz)
    slots = [moment for _, moment in hours]
    return snapshot.fetch(
        HourlyStats,
        SQL,
        start=start,
        end=max(start, min(end, snapshot.as_of + INSTANT)),
        hours=[hour.hour for hour, _ in hours],
        slots=slots,
        grain=min(grain(slots), 1),
    )
