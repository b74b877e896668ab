"""Measures over time, and of this moment."""

from collections import defaultdict
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from tests.oracle.exact import SECOND, money
from tests.oracle.ledger import Ledger, Scope
from tests.oracle.money_reports import calendar_of
from tests.oracle.payments import Payment
from tests.oracle.questions import Question, scope_of
from tests.oracle.statistics import volume
from tests.oracle.windows import Span, day_of, day_span, local, wall_hours

Answer = Any


def hourly_stats(ledger: Ledger, asked: Question) -> Answer:
    """A day by wall-clock hour; an hour that comes twice is one row."""
    scope = scope_of(ledger, asked)
    day = day_span(asked.day or day_of(asked.as_of, asked.tz), asked.tz)
    span = Span(day.low, min(day.high, asked.as_of + 1))
    settled: dict[int, list[Payment]] = defaultdict(list)
    for payment in scope.settled_in(span):
        settled[local(payment.stages["settled"].at, asked.tz).hour].append(payment)
    fees: dict[int, Fraction] = defaultdict(Fraction)
    for line in scope.lines:
        if line.kind == "facilitator_fee" and line.at in span:
            fees[local(line.at, asked.tz).hour] += line.usd or 0
    return [
        {
            "hour": hour,
            "payments": len(settled[hour]),
            "volume": money(volume(settled[hour])),
            "fees": money(fees[hour]),
        }
        for hour in range(24)
    ]


MEASURES: dict[str, Callable[[Scope, Span], Fraction]] = {
    "volume": lambda scope, span: volume(scope.settled_in(span)),
    "payments": lambda scope, span: Fraction(len(scope.settled_in(span))),
    "fees": lambda scope, span: scope.money(span, "facilitator_fee"),
    "revenue": lambda scope, span: scope.money(span),
}


def time_series(ledger: Ledger, asked: Question) -> Answer:
    """A measure over time."""
    return {"name": asked.metric, "points": points(ledger, asked)}


def points(ledger: Ledger, asked: Question) -> Answer:
    """A measure by hour (windows up to a day) or by day, each point clipped to the window."""
    scope, span = scope_of(ledger, asked), asked.span
    if asked.is_hourly:
        spans = wall_hours(asked.asked_span, asked.tz)
    else:
        spans = [day_span(day, asked.tz) for day in calendar_of(scope, asked)]
    measure = MEASURES[asked.metric]
    return [
        {
            "timestamp": one.low // 1000,
            "value": measure(scope, one & span),
        }
        for one in spans
    ]


def realtime(ledger: Ledger, asked: Question) -> Answer:
    """The last minute, the current hour, and what is open."""
    scope = scope_of(ledger, asked)
    minute = Span(asked.as_of - 60 * SECOND + 1, asked.as_of + 1)
    hour = local(asked.as_of, asked.tz).replace(minute=0, second=0, microsecond=0)
    hour_span = Span(int(hour.timestamp()) * SECOND, asked.as_of + 1)
    return {
        "paymentsPerMinute": len(scope.settled_in(minute)),
        "revenuePerHour": money(scope.money(hour_span)),
        "pendingSettlements": open_payments(scope, asked.as_of),
    }


def open_payments(scope: Scope, as_of: int) -> int:
    """Payments begun by then that are neither settled nor over."""
    begun = (payment for payment in scope.payments if payment.started_at <= as_of)
    return sum(payment.status in ("received", "verified", "pending") for payment in begun)
