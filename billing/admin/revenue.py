"""The money book."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from billing.admin import columns, figures
from billing.admin.columns import column
from billing.admin.facts import FactAdmin
from billing.admin.filters import NetworkFilter, PeriodFilter, SourceFilter, choice_filter
from billing.admin.links import search_link
from billing.admin.lookup import asset_symbol, keyed
from billing.models import Event, Payment, RevenueRecord, SettlementBatch
from billing.models.revenue import RevenueKind

KIND_COLOURS = {
    RevenueKind.FACILITATOR_FEE.label: "success",
    RevenueKind.GAS_SPONSORSHIP.label: "success",
    RevenueKind.PREMIUM.label: "success",
    RevenueKind.REFUND.label: "warning",
    RevenueKind.REVERSAL.label: "danger",
    RevenueKind.GAS.label: "info",
}


def amount(record: Any) -> str:
    """The signed amount: native coins for gas, else units of the record's asset."""
    if record.kind == RevenueKind.GAS:
        return figures.tokens(record.amount, record.network.native_symbol)
    return figures.tokens(record.amount, record.asset_symbol or record.asset)


@admin.register(RevenueRecord)
class RevenueRecordAdmin(FactAdmin):
    """Every line, newest first; a correction is a new line."""

    seek_time = "at"
    period_field = "at"
    search_fields = ("payment_id", "batch_id", "event_id")
    search_help_text = "Payment, batch or event id (whole)"
    list_filter = (
        PeriodFilter,
        choice_filter("kind", "kind", lambda: RevenueKind.choices),
        NetworkFilter,
        SourceFilter,
    )
    list_select_related = ("network",)
    list_display = (
        "listed",
        "kind_shown",
        "amount_usd_listed",
        "amount_shown",
        "network_name",
        "payment",
        "origin",
        "source_name",
    )
    fieldsets = (
        (None, {"fields": (("kind_shown", "time", "source_name"), ("network_name", "origin"))}),
        ("Money", {"fields": (("amount_usd_shown", "amount_shown", "asset_shown"),)}),
        ("Behind it", {"fields": (("payment", "batch", "event"), "memo")}),
    )
    readonly_fields = columns.fields_of(fieldsets)

    time = columns.moment("Time", "at")
    listed = columns.listed_moment("Time", "at")
    kind_shown = columns.badge("Kind", "kind", KIND_COLOURS)
    amount_usd_listed = column("USD", lambda row: figures.bare_usd(row.amount, row.amount_usd))
    amount_usd_shown = column(
        "Amount in USD", lambda row: figures.priced(row.amount, row.amount_usd)
    )
    amount_shown = column("Amount", amount)
    asset_shown = columns.code("Asset", "asset")
    network_name = column("Network", lambda row: row.network.name)
    source_name = column("Source", lambda row: row.source_slug)
    payment = column(
        "Payment",
        lambda row: search_link(Payment, row.payment_id, figures.code(row.payment_id, keep=10)),
    )
    batch = column("Batch", lambda row: search_link(SettlementBatch, row.batch_id))
    event = column("Event", lambda row: search_link(Event, row.event_id))
    origin = column(
        "Origin", lambda row: "follows its payment" if row.is_projection else "booked by an event"
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the network, which names the unit of gas."""
        rows = super().get_queryset(request).select_related("network")
        named: QuerySet[Any] = rows.annotate(asset_symbol=asset_symbol())
        return named

    def matching(self, term: str) -> Q:
        """Payment id, batch id of a projection, event id of an entry."""
        of_batch = keyed(term, "batch_id") & Q(is_projection=True)
        of_event = keyed(term, "event_id") & Q(is_projection=False)
        return keyed(term, "payment_id") | of_batch | of_event
