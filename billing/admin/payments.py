"""Payments, with the evidence behind each figure."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse

from billing.admin import columns, figures
from billing.admin.columns import column
from billing.admin.evidence import payment_evidence
from billing.admin.facts import FactAdmin
from billing.admin.filters import BoundedFilter, NetworkFilter, PeriodFilter, SourceFilter
from billing.admin.links import transaction_link
from billing.admin.lookup import among, asset_symbol, keyed
from billing.models import Payment
from billing.models.payments import OPEN_STATUSES, Status

STATUS_COLOURS = {
    Status.SETTLED.label: "success",
    Status.FAILED.label: "danger",
    Status.REVERSED.label: "danger",
    Status.PENDING.label: "warning",
    Status.EXPIRED.label: "warning",
    Status.RECEIVED.label: "info",
    Status.VERIFIED.label: "info",
}


class StateFilter(BoundedFilter):
    """By state; open and disputed ones have indexes of their own."""

    title = "state (open and disputed: all; others: last 30 days unless a period is chosen)"
    parameter_name = "state"
    indexed = {
        "open": Q(status__in=[str(status) for status in OPEN_STATUSES]),
        "disputed": Q(is_disputed=True),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Open, disputed, unpriced and each status."""
        special = [("open", "Open"), ("disputed", "Disputed"), ("unpriced", "Settled, unpriced")]
        return [*special, *[(str(value), str(label)) for value, label in Status.choices]]

    def condition(self, value: str) -> Q:
        """The rows of a state."""
        if value == "unpriced":
            return Q(status=Status.SETTLED, amount_usd__isnull=True)
        return self.indexed.get(value, Q(status=value))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """All open or disputed rows; others bounded."""
        if self.value() in self.indexed:
            return queryset.filter(self.indexed[str(self.value())])
        return super().queryset(request, queryset)


def in_asset(payment: Any, amount: Decimal | None) -> str:
    """An amount in the payment's asset: its symbol, else its name in the events."""
    return figures.tokens(amount, payment.asset_symbol or payment.asset)


def asset_shown(payment: Any) -> str:
    """The asset's address, or that the network's default is meant."""
    if payment.asset:
        return figures.code(payment.asset)
    return f"{payment.asset_symbol or 'not known'} (the network's default)"


def fee_shown(payment: Any) -> str:
    """The fee, in the payment's asset unless another is named."""
    is_other = payment.fee_asset and payment.fee_asset != payment.asset
    if is_other:
        return figures.tokens(payment.fee, payment.fee_asset)
    return in_asset(payment, payment.fee)


def dispute(payment: Any) -> str:
    """Whether the settled events of a payment agree."""
    return "in conflict: they disagree" if payment.is_disputed else "no conflict"


@admin.register(Payment)
class PaymentAdmin(FactAdmin):
    """Look a payment up and see everything it rests on."""

    seek_time = "started_at"
    period_field = "started_at"
    search_fields = ("payment_id", "transaction", "payer", "payee")
    search_help_text = "Payment id, transaction, payer or payee (whole)"
    list_filter = (PeriodFilter, StateFilter, NetworkFilter, SourceFilter)
    list_select_related = ("network",)
    list_display = (
        "payment",
        "state",
        "started_listed",
        "network_name",
        "amount_shown",
        "amount_listed",
        "fee_listed",
        "payer_short",
        "payee_short",
        "source_name",
    )
    change_form_outer_after_template = "admin/billing/payment_evidence.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("payment_id", "state", "source_name"),
                    ("network_name", "kind", "scheme"),
                    ("resource", "dispute"),
                )
            },
        ),
        (
            "Money",
            {
                "fields": (
                    ("amount_shown", "amount_usd_shown", "atomic_shown"),
                    ("authorized_shown", "settled_shown", "asset_shown"),
                    ("fee_shown", "fee_usd_shown"),
                )
            },
        ),
        ("Parties", {"fields": (("payer_shown", "payee_shown"),)}),
        (
            "Chain",
            {
                "fields": (
                    "transaction_shown",
                    ("gas_used_shown", "gas_cost_shown", "gas_usd_shown"),
                    ("settlement_shown", "confirmation_shown"),
                )
            },
        ),
        ("Failure", {"fields": (("error_class", "failed_stage"), "error")}),
        (
            "Times",
            {
                "fields": (
                    ("started", "received_shown", "verified_shown"),
                    ("pending_shown", "settled_at_shown", "failed_shown"),
                    ("expired_shown", "reversed_shown", "refunded_shown"),
                )
            },
        ),
    )

    state = columns.badge("State", "status", STATUS_COLOURS)
    source_name = column("Source", lambda row: row.source_slug)
    network_name = column("Network", lambda row: row.network.name)
    payment = columns.code("Payment", "payment_id", keep=10)
    payer_short = columns.code("Payer", "payer", keep=4)
    payee_short = columns.code("Payee", "payee", keep=4)
    payer_shown = columns.code("Payer", "payer")
    payee_shown = columns.code("Payee", "payee")
    amount_shown = column("Amount", lambda row: in_asset(row, row.amount))
    authorized_shown = column("Authorized", lambda row: in_asset(row, row.authorized_amount))
    settled_shown = column("Amount settled", lambda row: in_asset(row, row.settled_amount))
    asset_shown = column("Asset", asset_shown)
    atomic_shown = columns.number("Atomic units", "amount_atomic")
    amount_usd_shown = column(
        "Amount in USD", lambda row: figures.priced(row.amount, row.amount_usd)
    )
    amount_listed = column("USD", lambda row: figures.bare_usd(row.amount, row.amount_usd))
    fee_listed = column("Fee, USD", lambda row: figures.bare_usd(row.fee, row.fee_usd))
    fee_shown = column("Fee", fee_shown)
    fee_usd_shown = column("Fee in USD", lambda row: figures.priced(row.fee, row.fee_usd))
    transaction_shown = column("Transaction", transaction_link)
    gas_used_shown = columns.number("Gas used", "gas_used")
    gas_cost_shown = columns.coins("Gas cost", "gas_cost")
    gas_usd_shown = column("Gas cost in USD", lambda row: figures.priced(row.gas_cost, row.gas_usd))
    settlement_shown = columns.millis("Settlement time", "settlement_ms")
    confirmation_shown = columns.millis("Confirmation time", "confirmation_ms")
    dispute = column("Settled events", dispute)
    started = columns.moment("Started", "started_at")
    started_listed = columns.listed_moment("Started", "started_at")
    received_shown = columns.moment("Received", "received_at")
    verified_shown = columns.moment("Verified", "verified_at")
    pending_shown = columns.moment("Pending", "pending_at")
    settled_at_shown = columns.moment("Settled", "settled_at")
    failed_shown = columns.moment("Failed", "failed_at")
    expired_shown = columns.moment("Expired", "expired_at")
    reversed_shown = columns.moment("Reversed", "reversed_at")
    refunded_shown = columns.moment("Refunded", "refunded_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Payments with an event of their own; ones only named elsewhere have no start yet."""
        known = super().get_queryset(request).filter(started_at__isnull=False)
        rows: QuerySet[Any] = known.select_related("network").annotate(asset_symbol=asset_symbol())
        return rows

    def matching(self, term: str) -> Q:
        """Payment id, or transaction, payer, payee in any case on EVM."""
        return keyed(term, "payment_id") | among(term, "transaction", "payer", "payee")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """All of them; why it failed only if it did."""
        has_failed = obj is not None and obj.failed_at is not None
        return [part for part in self.fieldsets if part[0] != "Failure" or has_failed]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Every field shown."""
        return columns.fields_of(self.fieldsets)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add the events, revenue records and batches of the payment."""
        payment = kwargs.get("obj")
        if payment is not None:
            context["evidence"] = payment_evidence(payment)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response
