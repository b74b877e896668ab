"""Reports on the money book: revenue by day, kind and network."""

from datetime import date
from fractions import Fraction
from typing import Any

from tests.oracle.book import REVENUE_KINDS
from tests.oracle.exact import DAY, money, rounded
from tests.oracle.ledger import Ledger, Scope
from tests.oracle.questions import Question, scope_of
from tests.oracle.statistics import HUNDRED, total, volume
from tests.oracle.windows import LENGTHS, Span, day_of, day_span, days, window

Answer = Any


def day_rows(scope: Scope, asked: Question, calendar: list[date], clip: Span) -> list[Answer]:
    """DailyStats of each day, as far as it lies in the span."""
    rows = []
    for day in calendar:
        span = day_span(day, asked.tz) & clip
        settled = scope.settled_in(span)
        rows.append(
            {
                "date": day.isoformat(),
                "payments": len(settled),
                "volume": money(volume(settled)),
                "fees": money(scope.money(span, "facilitator_fee")),
                "uniquePayers": len({p.payer for p in settled if p.payer}),
                "uniquePayees": len({p.payee for p in settled if p.payee}),
            }
        )
    return rows


def revenue_daily(ledger: Ledger, asked: Question) -> Answer:
    """Exactly `days` days, the last one as_of's."""
    last = day_of(asked.as_of, asked.tz)
    calendar = days(date.fromordinal(last.toordinal() - asked.days + 1), last)
    clip = window("all", asked.as_of)
    return day_rows(scope_of(ledger, asked), asked, calendar, clip)


def calendar_of(scope: Scope, asked: Question) -> list[date]:
    """The days of the window, from the first fact when it is unbounded."""
    low = asked.span.low
    if asked.window == "all" and asked.start is None:
        low = min(scope.first_fact() or asked.as_of, asked.as_of)
    return days(day_of(low, asked.tz), day_of(asked.last_moment, asked.tz))


def revenue(ledger: Ledger, asked: Question) -> Answer:
    """The money book of the window."""
    scope = scope_of(ledger, asked)
    span = asked.span
    calendar = calendar_of(scope, asked)
    rows = day_rows(scope, asked, calendar, span)
    by_network = {payment.network: Fraction(0) for payment in scope.settled_in(span)}
    for line in scope.within(span):
        if line.kind in REVENUE_KINDS and line.usd:
            by_network[line.network] = by_network.get(line.network, Fraction(0)) + line.usd
    fees = [Fraction(row["fees"]) for row in rows]
    earned = scope.money(span)
    return {
        "totalRevenue": money(earned),
        "revenueByNetwork": {name: money(usd) for name, usd in by_network.items()},
        "revenueByDay": rows,
        "projectedMonthlyRevenue": rounded(earned * 30 / _length(asked, len(calendar))),
        "growthRate": growth(fees),
        **_taken_off(scope, span),
    }


def _taken_off(scope: Scope, span: Span) -> dict[str, Answer]:
    refunds, reversals = scope.money(span, "refund"), scope.money(span, "reversal")
    gas = scope.money(span, "gas")
    net = scope.money(span) - refunds - reversals - gas
    unpriced = scope.unpriced(span, gas=True)
    return {
        "refunds": money(refunds),
        "reversals": money(reversals),
        "gasCosts": money(gas),
        "netRevenue": None if unpriced else money(net),
        "unpricedGas": unpriced,
        "unpricedRevenue": scope.unpriced(span, gas=False),
    }


def _length(asked: Question, calendar_days: int) -> Fraction:
    if asked.start is not None and asked.end is not None:
        return Fraction(asked.end - asked.start, DAY)
    if asked.window == "all":
        return Fraction(calendar_days)
    return Fraction(LENGTHS[asked.window or "24h"], DAY)


def growth(fees: list[Fraction]) -> Fraction:
    """Percent by which the later half exceeds the earlier one; 0 from nothing."""
    half = len(fees) // 2
    before, after = total(fees[:half]), total(fees[half:])
    return HUNDRED * (after - before) / before if before else Fraction(0)


def revenue_breakdown(ledger: Ledger, asked: Question) -> Answer:
    """Revenue by kind."""
    scope = scope_of(ledger, asked)
    return {
        "facilitatorFees": money(scope.money(asked.span, "facilitator_fee")),
        "gasSponsorship": money(scope.money(asked.span, "gas_sponsorship")),
        "premiumFeatures": money(scope.money(asked.span, "premium")),
        "total": money(scope.money(asked.span)),
        **_taken_off(scope, asked.span),
    }


def revenue_projection(ledger: Ledger, asked: Question) -> Answer:
    """Thirty times the average, the weakest and the strongest of the last 7 x 24 hours."""
    scope, end = scope_of(ledger, asked), asked.as_of + 1
    earned = [scope.money(Span(end - (n + 1) * DAY, end - n * DAY)) for n in range(7)]
    return {
        "projectedMonthlyRevenue": rounded(sum(earned) * Fraction(30, 7)),
        "low": money(min(earned) * 30),
        "high": money(max(earned) * 30),
        "dailyAverage": rounded(sum(earned) / Fraction(7)),
        "days": 7,
    }
