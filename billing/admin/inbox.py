"""The inbox: events as received, contested ids, receipts."""

from typing import Any

from django.contrib import admin
from django.db.models import Q

from billing.admin import columns
from billing.admin.columns import column
from billing.admin.evidence import raw_json
from billing.admin.facts import FactAdmin
from billing.admin.filters import PeriodFilter, SourceFilter, choice_filter
from billing.admin.links import search_link
from billing.admin.lookup import keyed
from billing.models import Event, EventConflict, IngestReceipt, Payment

TYPES = (
    "payment:received",
    "payment:verified",
    "payment:pending",
    "payment:settled",
    "payment:failed",
    "payment:expired",
    "payment:reversed",
    "payment:refunded",
    "batch:settled",
    "revenue:recorded",
)


def body(row: Any) -> str:
    """The body as received."""
    return raw_json(row.body)


@admin.register(Event)
class EventAdmin(FactAdmin):
    """Every accepted event."""

    search_fields = ("event_id", "payment_id")
    search_help_text = "Event or payment id (whole)"
    list_filter = (
        PeriodFilter,
        choice_filter("type", "type", lambda: [(name, name) for name in TYPES]),
        SourceFilter,
    )
    list_display = ("event", "type", "payment", "occurred_listed", "received_listed", "source_name")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("event_whole", "type", "source_name"),
                    ("payment", "occurred", "received"),
                    "body_shown",
                )
            },
        ),
    )
    readonly_fields = columns.fields_of(fieldsets)

    event = columns.code("Event", "event_id", keep=12)
    event_whole = columns.code("Event", "event_id")
    payment = column("Payment", lambda row: search_link(Payment, row.payment_id))
    occurred = columns.moment("Occurred", "occurred_at")
    received = columns.moment("Received", "received_at")
    occurred_listed = columns.listed_moment("Occurred", "occurred_at")
    received_listed = columns.listed_moment("Received", "received_at")
    source_name = column("Source", lambda row: row.source_slug)
    body_shown = column("As received", body)

    def matching(self, term: str) -> Q:
        """Event id or payment id."""
        return keyed(term, "event_id", "payment_id")


@admin.register(EventConflict)
class EventConflictAdmin(FactAdmin):
    """Other bodies under ids already taken; the event that came first stands."""

    search_fields = ("event_id",)
    search_help_text = "Event id (whole)"
    list_filter = (PeriodFilter, SourceFilter)
    list_display = ("event", "first", "received", "source_name")
    fieldsets = ((None, {"fields": (("event", "received", "source_name"), "first", "body_shown")}),)
    readonly_fields = columns.fields_of(fieldsets)

    event = columns.code("Event", "event_id")
    first = column("Stands", lambda row: search_link(Event, row.event_id, "the first body"))
    received = columns.moment("Received", "received_at")
    source_name = column("Source", lambda row: row.source_slug)
    body_shown = column("The other body, as received", body)

    def matching(self, term: str) -> Q:
        """Event id."""
        return keyed(term, "event_id")


@admin.register(IngestReceipt)
class IngestReceiptAdmin(FactAdmin):
    """What each request's events became."""

    list_filter = (PeriodFilter, SourceFilter)
    list_display = (
        "received",
        "source_name",
        "accepted_shown",
        "duplicate_shown",
        "conflict_shown",
        "rejected_shown",
    )
    fields = list_display
    readonly_fields = list_display

    received = columns.moment("Received", "received_at")
    source_name = column("Source", lambda row: row.source_slug)
    accepted_shown = columns.number("Accepted", "accepted")
    duplicate_shown = columns.number("Duplicate", "duplicate")
    conflict_shown = columns.number("Conflict", "conflict")
    rejected_shown = columns.number("Rejected", "rejected")
