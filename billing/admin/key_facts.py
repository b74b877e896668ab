"""What belongs to keys: groups, notes, ledger lines, calls, logs, audit. Facts are only read."""

from typing import Any

from django.contrib import admin
from django.db.models import F, Func, Model, Q, QuerySet, TextField
from django.http import HttpRequest

from billing.admin import columns
from billing.admin.columns import column
from billing.admin.evidence import raw_json
from billing.admin.facts import FactAdmin, ReadOnlyAdmin
from billing.admin.filters import PeriodFilter, SourceFilter
from billing.admin.links import changelist_link
from billing.admin.lookup import keyed
from billing.keys.values import now_ms
from billing.models import (
    ApiKey,
    CreditEntry,
    GatewayAuditEvent,
    KeyGroup,
    KeyNote,
    RequestLog,
    Source,
    UsageEvent,
)

STEM = 7  # characters of the key that the index on calls leads with

VERDICTS = {"Allowed": "success", "Denied": "danger"}


def verdict_column() -> columns.Column:
    """Whether a call was allowed, as a coloured label."""
    show = column("Verdict", lambda row: "Allowed" if row.allowed else "Denied")
    show.label = VERDICTS  # type: ignore[attr-defined]  # how unfold colours a label
    return show


class OfKeyAdmin(ReadOnlyAdmin):
    """Rows of one key each, found by the key's id."""

    period_field = "at"
    search_fields = ("key_id",)
    search_help_text = "Id of the key"
    key_shown = column(
        "Key", lambda row: changelist_link(ApiKey, {"q": row.key_mask}, row.key_mask or "key")
    )
    time = columns.listed_moment("Time", "at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Rows with their key's mask."""
        rows: QuerySet[Any] = super().get_queryset(request).annotate(key_mask=F("key__mask"))
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The rows of a key."""
        term = search_term.strip()
        if not term:
            return queryset, False
        is_id = term.isascii() and term.isdecimal() and len(term) < 19
        return (queryset.filter(key_id=term) if is_id else queryset.none()), False


@admin.register(CreditEntry)
class CreditEntryAdmin(OfKeyAdmin):
    """Lines of ledgers, append-only."""

    list_display = ("time", "key_shown", "kind", "moved", "balance", "tool", "memo", "actor")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("time", "key_shown", "kind"),
                    ("moved", "before", "balance"),
                    ("tool", "memo", "actor"),
                    "request_id",
                )
            },
        ),
    )
    readonly_fields = columns.fields_of(fieldsets)
    moved = columns.number("Credits", "amount")
    before = columns.number("Balance before", "balance_before")
    balance = columns.number("Balance after", "balance_after")


@admin.register(KeyNote)
class KeyNoteAdmin(OfKeyAdmin):
    """Remarks; they are written on a key's page."""

    list_display = ("time", "key_shown", "author", "text")
    fields = (("time", "key_shown", "author"), "text")
    readonly_fields = ("time", "key_shown", "author", "text")


@admin.register(UsageEvent)
class UsageEventAdmin(FactAdmin):
    """Metered calls, append-only."""

    period_field = "at"
    list_filter = (PeriodFilter, SourceFilter)
    search_fields = ("key_prefix",)
    search_help_text = "First ten characters of the key (whole)"
    list_display = (
        *("time", "verdict", "tool", "cost", "prefix", "key_name", "deny_reason", "namespace"),
        "source_name",
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("moment", "verdict", "source_name"),
                    ("tool", "cost", "deny_reason"),
                    ("prefix", "key_name", "namespace"),
                )
            },
        ),
    )
    readonly_fields = columns.fields_of(fieldsets)
    verdict = verdict_column()
    time = columns.listed_moment("Time", "at")
    moment = columns.moment("Time", "at")
    cost = columns.number("Credits", "credits")
    prefix = columns.code("Key", "key_prefix")
    source_name = column("Source", lambda row: row.source_slug)

    def matching(self, term: str) -> Q:
        """By the ten characters, through the index on the first seven."""
        sources = list(Source.objects.values_list("pk", flat=True))
        stem = term[:STEM]
        by_stem = Q(source_id__in=sources, stem=stem) if stem else Q(pk__in=[])
        return by_stem & Q(key_prefix=term)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Calls, with the part of the key that their index has."""
        stem = Func(F("key_prefix"), STEM, function="left", output_field=TextField())
        rows: QuerySet[Any] = super().get_queryset(request).annotate(stem=stem)
        return rows


@admin.register(RequestLog)
class RequestLogAdmin(FactAdmin):
    """A gateway's request log, append-only."""

    period_field = "at"
    list_filter = (PeriodFilter, SourceFilter)
    search_fields = ("key_mask",)
    search_help_text = "Mask of the key (whole)"
    list_display = (
        *("time", "verdict", "tool", "cost", "took", "mask", "deny_reason", "source_name"),
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("moment", "verdict", "source_name"),
                    ("tool", "cost", "took"),
                    ("mask", "request_id", "deny_reason"),
                )
            },
        ),
    )
    readonly_fields = columns.fields_of(fieldsets)
    verdict = verdict_column()
    time = columns.listed_moment("Time", "at")
    moment = columns.moment("Time", "at")
    cost = columns.number("Credits", "credits")
    took = columns.millis("Took", "duration_ms")
    mask = columns.code("Key", "key_mask")
    source_name = column("Source", lambda row: row.source_slug)

    def matching(self, term: str) -> Q:
        """By the mask."""
        return keyed(term, "key_mask")


@admin.register(GatewayAuditEvent)
class GatewayAuditEventAdmin(FactAdmin):
    """A gateway's audit log, append-only."""

    period_field = "at"
    list_filter = (PeriodFilter, SourceFilter)
    search_fields = ("type",)
    search_help_text = "Type of event (whole), such as key.revoked"
    list_display = ("time", "type", "actor", "message", "source_name")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("moment", "type", "source_name"),
                    ("actor", "message"),
                    "metadata_shown",
                )
            },
        ),
    )
    readonly_fields = columns.fields_of(fieldsets)
    time = columns.listed_moment("Time", "at")
    moment = columns.moment("Time", "at")
    metadata_shown = column("Metadata", lambda row: raw_json(row.metadata))
    source_name = column("Source", lambda row: row.source_slug)

    def matching(self, term: str) -> Q:
        """By type."""
        return keyed(term, "type")


@admin.register(KeyGroup)
class KeyGroupAdmin(FactAdmin):
    """Groups of keys. Those of a gateway are changed there, the portal's own here."""

    search_fields = ("group_id",)
    search_help_text = "Id of the group (whole)"
    list_display = ("name", "group_id", "is_active", "rate", "members", "source_name")
    own_fields = (
        *(("source", "name"), ("group_id", "is_active"), "description"),
        *("allowed_tools", "denied_tools", "ip_allowlist", "rate_limit_per_min"),
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "group_id", "source_name"),
                    ("is_active", "rate", "members"),
                    ("tools", "denied", "networks"),
                    "description",
                )
            },
        ),
    )
    rate = columns.number("Calls a minute (0 = the source's)", "rate_limit_per_min")
    members = column(
        "Keys", lambda row: changelist_link(ApiKey, {"group": row.group_id}, "Its keys")
    )
    tools = column("Tools", lambda row: ", ".join(row.allowed_tools) or "any")
    denied = column("Denied tools", lambda row: ", ".join(row.denied_tools) or "none")
    networks = column("Addresses", lambda row: ", ".join(row.ip_allowlist) or "any")
    source_name = column("Source", lambda row: row.source_slug)

    def matching(self, term: str) -> Q:
        """By id."""
        return keyed(term, "group_id")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """For keys issued here."""
        return request.user.has_perm("billing.add_keygroup")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A gateway's groups are changed at the gateway."""
        is_ours = obj is None or getattr(obj, "seen_at", None) is None
        return is_ours and request.user.has_perm("billing.change_keygroup")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A form where it may be changed, a record where not."""
        is_form = obj is None or self.has_change_permission(request, obj)
        return ((None, {"fields": self.own_fields}),) if is_form else self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Keys name their group by its id and source, so these stay."""
        if obj is None:
            return ()
        if self.has_change_permission(request, obj):
            return ("source", "group_id")
        return columns.fields_of(self.fieldsets)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """A new group begins now."""
        obj.created_at = obj.created_at or now_ms()
        super().save_model(request, obj, form, change)
