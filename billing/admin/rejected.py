"""The quarantine: what could not be understood, replayed or dismissed with a reason."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404

from billing import ingest
from billing.admin import columns
from billing.admin.columns import column
from billing.admin.confirm import ReasonForm, change_url, confirmation
from billing.admin.evidence import raw_json
from billing.admin.facts import FactAdmin
from billing.admin.theme import action
from billing.models import RejectedEvent
from billing.models.events import RejectedStatus

STATUS_COLOURS = {
    RejectedStatus.OPEN.label: "warning",
    RejectedStatus.REPLAYED.label: "success",
    RejectedStatus.DISMISSED.label: "info",
}


class RejectedStatusFilter(admin.SimpleListFilter):
    """By status, which an index leads with."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The statuses."""
        return [(str(value), str(label)) for value, label in RejectedStatus.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of a status."""
        return queryset.filter(status=self.value()) if self.value() else queryset


@admin.register(RejectedEvent)
class RejectedEventAdmin(FactAdmin):
    """Rejected events, verbatim. Replaying sends one through ingest again."""

    list_filter = (RejectedStatusFilter,)
    actions_detail = ("replay", "dismiss")
    actions = ("replay_selected",)
    list_display = ("reason", "state", "detail", "times", "received", "last_seen", "source_name")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("reason", "state", "source_name"),
                    "detail",
                    ("times", "received", "last_seen"),
                    ("resolved", "resolution"),
                    "body_shown",
                )
            },
        ),
    )
    readonly_fields = columns.fields_of(fieldsets)

    reason = column("Reason", lambda row: row.code)
    state = columns.badge("State", "status", STATUS_COLOURS)
    times = columns.number("Times seen", "times_seen")
    received = columns.moment("First received", "received_at")
    last_seen = columns.moment("Last received", "last_seen_at")
    resolved = columns.moment("Resolved", "resolved_at")
    source_name = column("Source", lambda row: row.source_slug)
    body_shown = column("As received", lambda row: raw_json(row.text()))

    def has_resolve_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Who may change a rejected event may replay and dismiss it."""
        return request.user.has_perm("billing.change_rejectedevent")

    @action(description="Replay", permissions=["resolve"])
    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send the event through ingest again, after asking."""
        rejected = get_object_or_404(RejectedEvent, pk=object_id)
        if request.method != "POST":
            explanation = "The event is read again, exactly as it was received."
            return confirmation(self, request, rejected, "Replay this event", explanation)
        self._replay(request, rejected)
        return HttpResponseRedirect(change_url(rejected))

    @action(description="Dismiss", permissions=["resolve"])
    def dismiss(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Close the event with a reason; its body stays."""
        rejected = get_object_or_404(RejectedEvent, pk=object_id)
        form = ReasonForm(request.POST or None)
        if not form.is_valid():
            explanation = "It leaves the list of open ones; the body and your reason are kept."
            return confirmation(self, request, rejected, "Dismiss this event", explanation, form)
        reason = form.cleaned_data["reason"]
        is_closed = RejectedEvent.objects.filter(pk=rejected.pk, status=RejectedStatus.OPEN).update(
            status=RejectedStatus.DISMISSED,
            resolved_at=Now(),
            resolution=f"{request.user.get_username()}: {reason}"[:500],
        )
        self._report(request, bool(is_closed), "dismissed", rejected)
        return HttpResponseRedirect(change_url(rejected))

    @admin.action(description="Replay selected", permissions=["resolve"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Replay each selected event on its own."""
        for rejected in queryset.filter(status=RejectedStatus.OPEN):
            self._replay(request, rejected)

    def _replay(self, request: HttpRequest, rejected: RejectedEvent) -> None:
        if rejected.status != RejectedStatus.OPEN:
            self._report(request, False, "replayed", rejected)
            return
        result = ingest.replay(rejected).results[0]
        if result["status"] == "rejected":
            why = f"{result['code']}: {result['detail']}"
            messages.error(request, f"{rejected} was rejected again. {why}")
            return
        self.log_change(request, rejected, f"Replayed: {result['status']}.")
        messages.success(request, f"{rejected} was replayed: {result['status']}.")

    def _report(
        self, request: HttpRequest, is_done: bool, verb: str, rejected: RejectedEvent
    ) -> None:
        if not is_done:
            messages.warning(request, f"{rejected} is not open any more; nothing was changed.")
            return
        self.log_change(request, rejected, f"{verb.capitalize()}.")
        messages.success(request, f"{rejected} was {verb}.")
