"""One measure over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from analytics.params import DayWindowParams, Metric, MetricName, WindowParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.reports.payments.revenue import first_fact_at
from analytics.series import grain, slots_of
from analytics.units import EpochMs, Number

SQL = """
select
    floor(extract(epoch from t.start) * 1000)::bigint as timestamp,
    coalesce(v.volume, 0) as volume,
    coalesce(v.fees, 0) as fees,
    coalesce(v.payments, 0) as payments,
    coalesce(v.revenue, 0) as revenue,
    coalesce(sum(v.unpriced) over (), 0)::bigint as unpriced_in_all
from unnest(%(slots)s::timestamptz[]) with ordinality t (start, slot)
left join (
    select
        width_bucket(s.bucket, %(slots)s::timestamptz[]) as slot,
        sum(s.settled_volume) as volume,
        sum(s.facilitator_fees) as fees,
        sum(s.settled)::numeric as payments,
        sum(s.facilitator_fees + s.gas_sponsorship + s.premium) as revenue,
        sum(s.settled_unpriced) as unpriced
    from analytics_stats(%(start)s, %(end)s, %(grain)s, %(sources)s) s
    where s.network_id = any(%(networks)s)
    group by 1
) v on v.slot = t.slot
order by t.start
"""


@dataclass(frozen=True)
class Slot:
    """Every metric of the slot that begins at `timestamp` (epoch milliseconds).

    `unpriced_in_all` counts the settled payments of all slots that have no USD price.
    """

    timestamp: int
    volume: Decimal
    fees: Decimal
    payments: Decimal
    revenue: Decimal
    unpriced_in_all: int


@dataclass(frozen=True, kw_only=True)
class SeriesParams(DayWindowParams):
    """A measure and a window."""

    metric: Metric = "volume"


@dataclass(frozen=True)
class Point:
    """The value of the slot that begins at a moment."""

    timestamp: EpochMs
    value: Number


@dataclass(frozen=True)
class TimeSeries:
    """A measure over time."""

    name: str
    window: str
    points: list[Point]
    aggregation: Literal["sum", "avg", "min", "max", "count"]


@report(Family.PAYMENTS)
def time_series(params: SeriesParams, snapshot: Snapshot) -> TimeSeries:
    """Time series.

    Volume, fees (facilitator fees), payments (settled) or revenue (facilitator fees + gas
    sponsorship + premium features) over the window: local hours for windows up to 24 hours, local
    days beyond (zone tz). Points are aligned to the clock and zero-filled; the first is the one
    that holds the window's start, and nothing outside the window counts. timestamp is the
    slot's beginning, in epoch milliseconds. aggregation says how a point comes about: `count` for
    payments, else `sum`. The header X-Unpriced-Payments says how many payments
    have no USD price and are in no volume. Default window: 24h.
    """
    drawn = slots(params, snapshot)
    snapshot.note("unpriced_payments", drawn[0].unpriced_in_all)
    return TimeSeries(
        name=params.metric,
        window=params.label,
        points=points_of(params.metric, drawn),
        aggregation="count" if params.metric == "payments" else "sum",
    )


def slots(params: WindowParams, snapshot: Snapshot) -> list[Slot]:
    """The slots of a window in order of time, empty ones included."""
    span = params.range(snapshot.as_of)
    first_fact = None if span.start else first_fact_at(span, snapshot)
    starts = slots_of(span, first_fact, params.tz)
    return snapshot.fetch(Slot, SQL, **bounds(span), slots=starts, grain=grain(starts))


def points_of(metric: MetricName, slots: Sequence[Slot]) -> list[Point]:
    """One metric of each slot."""
    return [Point(slot.timestamp, getattr(slot, metric)) for slot in slots]
