"""The first page's figures, each from the report that owns it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from analytics.params import INSTANT, DayWindowParams, Range
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.reports.payments.cohort import Cohort, cohorts
from analytics.reports.payments.realtime import open_payments
from analytics.reports.payments.revenue_breakdown import money_books
from analytics.reports.payments.time_series import Point, Slot, points_of, slots
from analytics.reports.payments.top_payees import ranked_payees
from analytics.reports.payments.top_payers import RankedAddress, ranked_payers
from analytics.series import local_day, midnight
from analytics.units import Count, Millis, Money, Number, Percent

SHOWN = 5
CRITICAL_ERROR_RATE, CRITICAL_MS = 10, 60_000
DEGRADED_ERROR_RATE, DEGRADED_MS = 5, 30_000

HealthStatus = Literal["healthy", "degraded", "critical"]


@dataclass(frozen=True)
class Summary:
    """The headline figures."""

    total_revenue: Money
    today_revenue: Money
    total_payments: Count
    success_rate: Percent
    active_networks: Count


@dataclass(frozen=True)
class NetworkShare:
    """One chain's volume in the window."""

    network: str
    volume: Number


@dataclass(frozen=True)
class Charts:
    """What the page draws."""

    revenue_time_series: list[Point]
    payment_time_series: list[Point]
    network_distribution: list[NetworkShare]


@dataclass(frozen=True)
class AddressAmount:
    """An address and what it paid or received, all time."""

    address: str
    amount: Money


@dataclass(frozen=True)
class TopLists:
    """The largest payers and payees of all time."""

    top_payers: list[AddressAmount]
    top_payees: list[AddressAmount]


@dataclass(frozen=True)
class Health:
    """Whether payments get through, and how fast."""

    status: HealthStatus
    pending_payments: Count
    average_settlement_time: Millis
    error_rate: Percent


@dataclass(frozen=True)
class Dashboard:
    """Everything on the first page."""

    summary: Summary
    charts: Charts
    top_lists: TopLists
    health: Health


@report(Family.PAYMENTS)
def dashboard(params: DayWindowParams, snapshot: Snapshot) -> Dashboard:
    """Dashboard.

    One snapshot of the figures of payments, networks, revenue, time-series, top-payers,
    top-payees and realtime. totalRevenue is the window's, todayRevenue that of as_of's local day
    (zone tz) so far. totalPayments, successRate, activeNetworks, errorRate and
    averageSettlementTime are over the payments started in the window; networkDistribution is
    their settled volume by chain. Top lists show the first five of all time. pendingPayments are
    those open now. Health is critical above 10 % errors or 60 s average settlement time, degraded
    above 5 % or 30 s. The header X-Unpriced-Payments counts the settled payments of the window
    that have no USD price and are in no volume. Default window: 24h.
    """
    span = params.range(snapshot.as_of)
    found, chains = cohorts(span, snapshot)
    snapshot.note("unpriced_payments", found.unpriced_payments)
    book, today = money_books([span, _today(params, snapshot)], snapshot)
    return Dashboard(
        summary=Summary(
            total_revenue=book.total,
            today_revenue=today.total,
            total_payments=found.total_payments,
            success_rate=found.success_rate,
            active_networks=len(chains),
        ),
        charts=_charts(slots(params, snapshot), chains),
        top_lists=_top_lists(replace(span, start=None), snapshot),
        health=Health(
            status=health_status(found),
            pending_payments=open_payments(snapshot),
            average_settlement_time=found.average_settlement_time,
            error_rate=found.error_rate,
        ),
    )


def health_status(found: Cohort) -> HealthStatus:
    """How a cohort's error rate (percent) and average settlement time (ms) are judged."""
    errors, millis = found.error_rate, found.average_settlement_time
    if errors > CRITICAL_ERROR_RATE or millis > CRITICAL_MS:
        return "critical"
    return "degraded" if errors > DEGRADED_ERROR_RATE or millis > DEGRADED_MS else "healthy"


def _today(params: DayWindowParams, snapshot: Snapshot) -> Range:
    start = midnight(local_day(snapshot.as_of, params.tz), params.tz)
    end = snapshot.as_of + INSTANT
    return Range(start, end, end, snapshot.as_of)


def _charts(drawn: Sequence[Slot], chains: Sequence[Cohort]) -> Charts:
    return Charts(
        revenue_time_series=points_of("revenue", drawn),
        payment_time_series=points_of("payments", drawn),
        network_distribution=[
            NetworkShare(str(chain.chain_name), chain.total_volume) for chain in chains
        ],
    )


def _top_lists(span: Range, snapshot: Snapshot) -> TopLists:
    return TopLists(
        top_payers=_amounts(ranked_payers(span, SHOWN, snapshot)),
        top_payees=_amounts(ranked_payees(span, SHOWN, snapshot)),
    )


def _amounts(ranked: list[RankedAddress]) -> list[AddressAmount]:
    return [AddressAmount(row.address, row.amount) for row in ranked]
