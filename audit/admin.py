"""The trail in the admin: searched, filtered, looked at; never changed."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audit.models import AuditEntry
from billing.admin import columns
from billing.admin.columns import column
from billing.admin.facts import ReadOnlyAdmin
from billing.api.renderers import exact_json

COLOURS = {"Created": "success", "Changed": "info", "Deleted": "warning", "Refused": "danger"}


def difference(entry: AuditEntry) -> SafeString:
    """What was and what is, a row for each member."""
    before, after = entry.before or {}, entry.after or {}
    rows = format_html_join(
        "",
        "<tr><th scope='row'>{}</th><td>{}</td><td>{}</td></tr>",
        ((name, _text(before, name), _text(after, name)) for name in sorted(before | after)),
    )
    head = format_html(
        "<tr><th scope='col'>{}</th><th scope='col'>{}</th><th scope='col'>{}</th></tr>",
        *(_("Member"), _("Before"), _("After")),
    )
    return format_html(
        "<table class='pg-diff'><thead>{}</thead><tbody>{}</tbody></table>", head, rows
    )


def _text(members: dict[str, Any], name: str) -> str:
    value = members.get(name, "")
    return value if isinstance(value, str) else exact_json(value).decode()


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Changes and refusals, newest first. Search: an actor, an object `table id`, a request id."""

    period_field = "at"
    list_filter = ("action", "object_type")
    list_display = ("number", "when", "who", "what", "object_type", "object_id", "reason")
    search_fields = ("actor",)  # shows the box; get_search_results looks by equality
    search_help_text = _("An actor (user:ann), an object (billing_source 3) or a request id.")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("number", "when_exactly"),
                    ("who", "what"),
                    ("object_type", "object_id"),
                    "reason",
                    "request_id",
                )
            },
        ),
        (_("What changed"), {"fields": ("changed",)}),
        (_("Seal"), {"fields": ("seal", "seal_before")}),
    )
    readonly_fields = columns.fields_of(fieldsets)
    number = columns.number("Number", "id")
    when = columns.listed_moment("At", "at")
    when_exactly = columns.moment("At", "at")
    who = columns.code("Actor", "actor")
    what = columns.badge("Action", "action", COLOURS)
    changed = column("Before and after", difference)
    seal = column("SHA-256", lambda row: bytes(row.hash).hex())
    seal_before = column("Of the entry before", lambda row: bytes(row.previous).hex())

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        """Equality on indexed columns; a phrase of two words is a table and an id."""
        term = search_term.strip()
        if not term:
            return queryset, False
        kind, _space, identity = term.partition(" ")
        found = Q(actor=term) | Q(request_id=term)
        if identity:
            found |= Q(object_type=kind, object_id=identity)
        return queryset.filter(found), False
