"""Settlement batches and what each of their payments bears of the gas."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from billing.admin import columns, figures
from billing.admin.columns import column
from billing.admin.facts import FactAdmin
from billing.admin.filters import NetworkFilter, PeriodFilter, SourceFilter
from billing.admin.links import changelist_link, search_link, transaction_link
from billing.admin.lookup import keyed
from billing.models import BatchPayment, Payment, SettlementBatch


def shares_link(batch: Any) -> str:
    """How many payments the batch names, linked to their shares of its gas."""
    return changelist_link(
        BatchPayment, {"batch__id__exact": batch.pk}, figures.exact(batch.payment_count)
    )


@admin.register(SettlementBatch)
class SettlementBatchAdmin(FactAdmin):
    """Batches, newest first. Claimed fees are only checked, never booked."""

    period_field = "settled_at"
    search_fields = ("batch_id",)
    search_help_text = "Batch id (whole)"
    list_filter = (PeriodFilter, NetworkFilter, SourceFilter)
    list_select_related = ("network",)
    list_display = (
        "batch",
        "settled",
        "network_name",
        "payments",
        "gas_used_shown",
        "gas_cost_shown",
        "total_fees_shown",
        "source_name",
    )
    fieldsets = (
        (None, {"fields": (("batch", "source_name", "network_name"), ("settled", "payments"))}),
        (
            "Chain",
            {
                "fields": (
                    "transaction_shown",
                    ("gas_used_shown", "gas_cost_shown", "gas_usd_shown"),
                )
            },
        ),
        ("Claimed", {"fields": ("total_fees_shown",)}),
    )
    readonly_fields = columns.fields_of(fieldsets)

    batch = columns.code("Batch", "batch_id")
    settled = columns.moment("Settled", "settled_at")
    network_name = column("Network", lambda row: row.network.name)
    payments = column("Payments", shares_link)
    source_name = column("Source", lambda row: row.source_slug)
    transaction_shown = column("Transaction", transaction_link)
    gas_used_shown = columns.number("Gas used", "gas_used")
    gas_cost_shown = columns.coins("Gas cost", "gas_cost")
    gas_usd_shown = column("Gas cost in USD", lambda row: figures.priced(row.gas_cost, row.gas_usd))
    total_fees_shown = columns.number("Total fees claimed", "total_fees")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the network, which names the unit of gas."""
        return super().get_queryset(request).select_related("network")

    def matching(self, term: str) -> Q:
        """Batch id."""
        return keyed(term, "batch_id")


@admin.register(BatchPayment)
class BatchPaymentAdmin(FactAdmin):
    """The payments that batches name, with their exact shares of the gas."""

    search_fields = ("payment_id",)
    search_help_text = "Payment id (whole)"
    list_display = ("payment", "batch_name", "gas_share_shown", "source_name")
    fields = list_display
    readonly_fields = list_display

    payment = column("Payment", lambda row: search_link(Payment, row.payment_id))
    batch_name = column("Batch", lambda row: search_link(SettlementBatch, row.batch.batch_id))
    source_name = column("Source", lambda row: row.source_slug)
    gas_share_shown = column(
        "Share of the gas",
        lambda row: figures.native(
            row.gas_share, row.batch.network.native_symbol, row.batch.network.native_decimals
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the batch and its network."""
        return super().get_queryset(request).select_related("batch__network")

    def matching(self, term: str) -> Q:
        """Payment id."""
        return keyed(term, "payment_id")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """The payments of one batch are an indexed question."""
        return lookup == "batch__id__exact" or super().lookup_allowed(lookup, value, request)
