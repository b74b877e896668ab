"""The delivery log: what went where, every attempt, and sending again."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from billing.admin import columns, figures
from billing.admin.columns import column
from billing.admin.facts import ReadOnlyAdmin
from billing.api.renderers import exact_json
from notify import outbox
from notify.models import Attempt, Delivery

COLOURS = {"Waiting": "info", "Delivered": "success", "Given up": "danger"}


class AttemptInline(admin.TabularInline):  # type: ignore[type-arg]  # generic only in the stubs
    """Tries, newest first."""

    model = Attempt
    extra = 0
    can_delete = False
    fields = readonly_fields = ("at", "milliseconds", "status", "answer", "error")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They are written by the sender."""
        return False


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Deliveries, newest first."""

    actions = ("send_again", "send_all_again")
    list_disable_select_all = False
    list_select_related = ("message", "endpoint")
    list_filter = ("state", "message__type", "endpoint")
    list_display = ("created", "kind", "receiver", "state_shown", "attempts_made", "error")
    inlines = (AttemptInline,)
    fieldsets = (
        (None, {"fields": (("event", "kind"), ("receiver", "state_shown"))}),
        (_("Times"), {"fields": (("created", "next_try", "delivered", "gives_up"), "error")}),
        (_("Content"), {"fields": ("content",)}),
    )
    readonly_fields = columns.fields_of(fieldsets)
    created = columns.listed_moment("Made", "created_at")
    next_try = column(
        "Next try", lambda row: figures.moment(row.next_at if row.state == "waiting" else None)
    )
    delivered = columns.moment("Delivered", "delivered_at")
    gives_up = columns.moment("Gives up", "give_up_at")
    event = column("Event", lambda row: row.message.event_id)
    kind = column("Type", lambda row: row.message.type)
    receiver = column("To", str)
    state_shown = columns.badge("State", "state", COLOURS)
    content = column(
        "Data",
        lambda row: format_html(
            '<pre class="pg-json">{}</pre>',
            row.message.text or exact_json(row.message.data).decode(),
        ),
    )

    def has_replay_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may change endpoints may send again."""
        return request.user.has_perm("notify.change_endpoint")

    @admin.action(description=_("Send the selected again"), permissions=["replay"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """With the same event id, so receivers may tell."""
        _report(request, outbox.replay(queryset.order_by().values_list("pk", flat=True)))

    @admin.action(description=_("Send all that the filter shows again"), permissions=["replay"])
    def send_all_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Every page of the filtered list."""
        shown = self.get_changelist_instance(request).get_queryset(request)
        _report(request, outbox.replay(shown.order_by().values_list("pk", flat=True)))


def _report(request: HttpRequest, count: int) -> None:
    text = ngettext("%d delivery is sent again.", "%d deliveries are sent again.", count)
    messages.success(request, text % count)
