"""How polling of gateways goes, and what it could not get."""

from django.contrib import admin

from billing.admin import columns, figures
from billing.admin.columns import column
from billing.admin.facts import FactAdmin
from billing.models import PollGap, PollState


class PollAdmin(FactAdmin):
    """What polling keeps, by source."""

    list_filter = ("source",)
    source_name = column("Source", lambda row: row.source_slug)


@admin.register(PollState)
class PollStateAdmin(PollAdmin):
    """How far each part of each polled gateway is, and what went wrong."""

    list_display = ("source_name", "resource", "state", "succeeded_listed", "failures", "error")
    fieldsets = (
        (None, {"fields": (("source_name", "resource"), ("polled", "succeeded"))}),
        ("Trouble", {"fields": (("failures", "error"),)}),
        ("Read up to", {"fields": ("cursor",)}),
    )
    readonly_fields = columns.fields_of(fieldsets)
    state = columns.column("State", lambda row: "In trouble" if row.error else "In step")
    state.label = {"In trouble": "danger", "In step": "success"}  # type: ignore[attr-defined]  # how unfold colours a label
    polled = columns.moment("Last tried", "polled_at")
    succeeded = columns.moment("Last read", "succeeded_at")
    succeeded_listed = columns.listed_moment("Last read", "succeeded_at")


@admin.register(PollGap)
class PollGapAdmin(PollAdmin):
    """What a gateway had dropped, or may have, before it was read."""

    list_display = ("noticed", "source_name", "resource", "missing_shown", "from_when", "to_when")
    fieldsets = (
        (None, {"fields": (("source_name", "resource", "noticed"), "reason")}),
        ("What is missing", {"fields": (("missing_shown", "from_when", "to_when"),)}),
    )
    readonly_fields = columns.fields_of(fieldsets)
    noticed = columns.listed_moment("Noticed", "noticed_at")
    from_when = columns.moment("Last record before", "after")
    to_when = columns.moment("First record after", "before")
    missing_shown = column(
        "Records", lambda row: "unknown" if row.missing is None else figures.exact(row.missing)
    )
