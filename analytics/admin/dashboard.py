"""The first page: figures of reports, laid out. Nothing is added up here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from analytics.admin import formats, forms
from analytics.admin.boards import tabs
from analytics.admin.charts import Chart, over_time, ranking
from analytics.admin.panels import Panel, ask
from analytics.admin.tables import Table, listing
from analytics.params import WINDOWS
from analytics.registry import find_report
from analytics.rollups import verified_to
from billing.admin.figures import EMPTY, code, exact
from billing.admin.figures import moment as utc
from billing.models import Event

PASSED_ON = ("window", "from", "to", "tz", "network", "include_testnets", "source", "as_of")
KEPT = ("window", "from", "to", "as_of")  # what the form beside the periods leaves as it is
FAILURES_SHOWN = "10"
NETWORK_COLUMNS = (
    "chain_name",
    "total_payments",
    "success_rate",
    "total_volume",
    "total_fees",
    "average_confirmation_time",
    "unpriced_payments",
)
FAILURE_COLUMNS = ("network", "stage", "error_class", "reason", "count", "share")
HEALTH_SIGNS = {"healthy": "✓", "degraded": "!", "critical": "✕"}


@dataclass(frozen=True)
class Card:
    """A headline figure; `note` says what it is over."""

    label: str
    value: str | SafeString
    note: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Badge:
    """The state of health: a sign and a word, so that colour is not needed."""

    status: str
    sign: str
    text: str


@dataclass(frozen=True)
class Period:
    """A window to choose."""

    label: str
    link: str
    is_chosen: bool


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Fill the first page's context (UNFOLD's DASHBOARD_CALLBACK)."""
    query = {name: request.GET[name] for name in PASSED_ON if request.GET.get(name)}
    main = ask("dashboard", query)
    context |= {
        "title": "Dashboard",
        "has_events": Event.objects.exists(),
        "events_url": request.build_absolute_uri("/api/v1/events/"),
        "tabs": tabs("payments"),
        "periods": periods(query),
        "form": choices_form(request.GET),
        "main": main,
        "verified": utc(verified_to()),
        "kept": {name: query[name] for name in KEPT if name in query},
        **_live_parts(ask("realtime", {})),
    }
    return context | _main_parts(main) | _other_parts(query, main)


def periods(query: Mapping[str, str]) -> list[Period]:
    """Links to every window, the present one marked; the other choices stay."""
    kept = {name: value for name, value in query.items() if name not in ("window", "from", "to")}
    chosen = "custom" if query.keys() & {"from", "to"} else query.get("window", "24h")
    return [
        Period(name, f"?{urlencode({'window': name, **kept})}", name == chosen)
        for name in (*WINDOWS, "all")
    ]


def choices_form(given: QueryDict) -> Any:
    """Zone, network and testnets as a form; the window stays as it is."""
    form = forms.report_form(find_report("dashboard").params_type, given)
    for name in set(form.fields) - {"tz", "network", "include_testnets", "source"}:
        del form.fields[name]
    return form


def _live_parts(live: Panel) -> dict[str, Any]:
    if live.answer is None:
        return {"live": live}
    now = live.result
    figures = {
        "payments": exact(now.payments_per_minute),
        "revenue": f"{exact(now.revenue_per_hour, 2)} USD",
        "pending": exact(now.pending_settlements),
        "viewers": exact(now.active_connections),
    }
    return {"live": live, "live_figures": figures}


def _main_parts(main: Panel) -> dict[str, Any]:
    if main.answer is None:
        return {}
    result, zone = main.result, main.zone
    return {
        "as_of": utc(main.answer.as_of),
        "is_quiet": result.summary.total_payments == 0,
        "cards": _cards(result),
        **_health(result),
        "charts": _charts(result, zone),
        "tops": [
            _top("Top payers", "top-payers", result.top_lists.top_payers),
            _top("Top payees", "top-payees", result.top_lists.top_payees),
        ],
    }


def _other_parts(query: Mapping[str, str], main: Panel) -> dict[str, Any]:
    """The other reports, as of the same moment as the first, so that the page agrees."""
    is_quiet = bool(main.answer) and main.result.summary.total_payments == 0
    moment = {"as_of": main.answer.as_of.isoformat()} if main.answer else {}
    revenue = ask("revenue", {"window": "24h", **query}, moment)
    networks = ask("networks", query, moment)
    failures = ask("failures", query, {**moment, "limit": FAILURES_SHOWN})
    return {
        "revenue": revenue,
        "revenue_cards": _revenue_cards(revenue.result, is_quiet) if revenue.answer else [],
        "panels": [
            ("Networks", networks, _table(networks, NETWORK_COLUMNS), "No payments."),
            ("Failures", failures, _table(failures, FAILURE_COLUMNS), "No payment failed."),
        ],
    }


def _table(panel: Panel, only: Sequence[str]) -> Table | None:
    if panel.answer is None:
        return None
    return listing(panel.result, panel.report.row_type, panel.zone, only)


def _cards(result: Any) -> list[Card]:
    summary, health = result.summary, result.health
    is_quiet = summary.total_payments == 0
    rate = EMPTY if is_quiet else formats.percent(summary.success_rate)
    return [
        _money("Revenue", summary.total_revenue, is_quiet, "in this period"),
        _money("Revenue today", summary.today_revenue, is_quiet, "since midnight"),
        Card("Payments", exact(summary.total_payments), "started in this period"),
        Card("Success rate", rate, "of payments started"),
        Card("Active networks", exact(summary.active_networks), "with payments"),
        Card("Open payments", exact(health.pending_payments), "not settled or failed yet"),
    ]


def _health(result: Any) -> dict[str, Any]:
    health = result.health
    if result.summary.total_payments == 0:
        badge = Badge("unknown", "?", "No payments to judge by")
        return {"badge": badge, "error_rate": EMPTY, "settlement": EMPTY}
    status = health.status
    return {
        "badge": Badge(status, HEALTH_SIGNS[status], status.capitalize()),
        "error_rate": formats.percent(health.error_rate),
        "settlement": formats.millis(health.average_settlement_time),
    }


def _money(name: str, value: Decimal | None, is_quiet: bool, note: str = "") -> Card:
    """A sum of money; a dash when it is not known, or nothing could have been earned."""
    if value is None or (is_quiet and not value):
        return Card(name, EMPTY, note)
    return Card(name, formats.headline(value), note, "USD")


def _revenue_cards(result: Any, is_quiet: bool) -> list[Card]:
    unpriced = result.unpriced_gas
    note = f"{exact(unpriced)} gas costs have no price" if unpriced else ""
    return [
        _money("Revenue", result.total_revenue, is_quiet),
        _money("Refunds", result.refunds, is_quiet),
        _money("Reversals", result.reversals, is_quiet),
        _money("Gas costs", result.gas_costs, is_quiet, note),
        _money("Net revenue", result.net_revenue, is_quiet, note),
        _money("Projected month", result.projected_monthly_revenue, is_quiet),
    ]


def _charts(result: Any, zone: str) -> list[Chart]:
    drawn = result.charts
    shares = drawn.network_distribution
    names, volumes = [share.network for share in shares], [share.volume for share in shares]
    return [
        over_time("revenue", "Revenue", drawn.revenue_time_series, "USD", zone),
        over_time("payments", "Payments settled", drawn.payment_time_series, "payments", zone),
        ranking("networks", "Volume by network", names, volumes),
    ]


def _top(title: str, slug: str, rows: Sequence[Any]) -> dict[str, Any]:
    ranked = [(code(row.address, keep=10), exact(row.amount, 2)) for row in rows]
    return {"title": title, "url": reverse("admin:report", args=["payments", slug]), "rows": ranked}
