"""Every payment report, recomputed in plain Python from raw events.

Money is exact text, counts are ints, ratios and milliseconds are fractions.
"""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from tests.oracle.cohorts import decided, failures, networks, payments
from tests.oracle.exact import money
from tests.oracle.ledger import Ledger, recompute
from tests.oracle.money_reports import (
    revenue,
    revenue_breakdown,
    revenue_daily,
    revenue_projection,
)
from tests.oracle.questions import Question, scope_of
from tests.oracle.rankings import top_payees, top_payers, top_resources, top_routes
from tests.oracle.series import hourly_stats, open_payments, points, realtime, time_series
from tests.oracle.statistics import durations, mean, share
from tests.oracle.windows import Span, day_of, day_span, window

__all__ = ["REPORTS", "Ledger", "Question", "recompute"]
Answer = Any


def dashboard(ledger: Ledger, asked: Question) -> Answer:
    """The first page's figures."""
    scope, span = scope_of(ledger, asked), asked.span
    cohort = scope.cohort(span)
    settled, failed = decided(cohort)
    today = Span(day_span(day_of(asked.as_of, asked.tz), asked.tz).low, asked.as_of + 1)
    until = Span(window("all", 0).low, span.high)
    always = replace(asked, window="all", start=until.low, end=until.high, limit=5)
    return {
        "summary": {
            "totalRevenue": money(scope.money(span)),
            "todayRevenue": money(scope.money(today)),
            "totalPayments": len(cohort),
            "successRate": share(len(settled), len(cohort), 100),
            "activeNetworks": len({payment.network for payment in cohort}),
        },
        "charts": {
            "revenueTimeSeries": points(ledger, replace(asked, metric="revenue")),
            "paymentTimeSeries": points(ledger, replace(asked, metric="payments")),
            "networkDistribution": [
                {"network": row["chainName"], "volume": Fraction(row["totalVolume"])}
                for row in networks(ledger, asked)
            ],
        },
        "topLists": {
            "topPayers": _amounts(top_payers(ledger, always), "totalPaid"),
            "topPayees": _amounts(top_payees(ledger, always), "totalReceived"),
        },
        "health": {
            "pendingPayments": open_payments(scope, asked.as_of),
            "averageSettlementTime": mean(durations(settled)),
            "errorRate": share(failed, len(cohort), 0),
        },
    }


def _amounts(ranking: list[Answer], measure: str) -> Answer:
    return [{"address": row["address"], "amount": row[measure]} for row in ranking]


REPORTS: dict[str, Callable[[Ledger, Question], Answer]] = {
    "payments": payments,
    "networks": networks,
    "failures": failures,
    "revenue": revenue,
    "revenue-daily": revenue_daily,
    "revenue-breakdown": revenue_breakdown,
    "revenue-projection": revenue_projection,
    "top-payers": top_payers,
    "top-payees": top_payees,
    "top-routes": top_routes,
    "top-resources": top_resources,
    "hourly-stats": hourly_stats,
    "time-series": time_series,
    "realtime": realtime,
    "dashboard": dashboard,
}
