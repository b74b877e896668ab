"""What keys will spend if they go on as they did."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.reports.gateway._pace import PACE
from analytics.units import Count, Credits, IsoMs, Number


def _spent_within(hours: int) -> str:
    return f"""case when p.credits_per_hour > 0
        then least(gateway_round(p.credits_per_hour::float8 * {hours}, 2), p.total_remaining)
        else 0 end"""


FIGURES = f"""
select {_spent_within(1)} as next_hour, {_spent_within(24)} as next_day,
    {_spent_within(168)} as next_week, {_spent_within(720)} as next_month,
    p.total_spent, p.total_remaining, p.credits_per_hour, p.active_keys
from ({PACE}) p
"""  # noqa: S608 - composed of constants


@dataclass(frozen=True)
class ForecastFigures:
    """All figures as read."""

    next_hour: Number
    next_day: Number
    next_week: Number
    next_month: Number
    total_spent: Credits
    total_remaining: Credits
    credits_per_hour: Number
    active_keys: Count


@dataclass(frozen=True)
class CreditForecast:
    """Credits that will be spent, at most those there are."""

    next_hour: Number
    next_day: Number
    next_week: Number
    next_month: Number


@dataclass(frozen=True)
class RevenueForecastCurrent:
    """What the forecast rests on."""

    total_spent: Credits
    total_remaining: Credits
    credits_per_hour: Number
    active_keys: Count


@dataclass(frozen=True)
class RevenueForecast:
    """Credits that will be spent, and the present pace."""

    forecast: CreditForecast
    current: RevenueForecastCurrent
    generated_at: IsoMs


@report(Family.GATEWAY)
def revenue_forecast(params: GatewayParams, snapshot: Snapshot) -> RevenueForecast:
    """Revenue forecast.

    The credits that active, not suspended keys will spend in 1, 24, 168 and 720 hours at the
    present rate, never more than all of them hold. creditsPerHour adds up each key's spent
    credits divided by its age in hours (at least 0.001) and has two decimals: an average over
    each key's whole life. One key's credits count for another's spending, and top-ups to come
    are not foreseen.
    """
    found = snapshot.one(ForecastFigures, FIGURES)
    return RevenueForecast(
        forecast=CreditForecast(found.next_hour, found.next_day, found.next_week, found.next_month),
        current=RevenueForecastCurrent(
            total_spent=found.total_spent,
            total_remaining=found.total_remaining,
            credits_per_hour=found.credits_per_hour,
            active_keys=found.active_keys,
        ),
        generated_at=snapshot.as_of,
    )
