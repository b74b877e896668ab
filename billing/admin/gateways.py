"""Gateways: their files, their limits and prices."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.db.models.functions import Now
from django.db.utils import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse

from billing.admin import columns, figures
from billing.admin.columns import column
from billing.admin.confirm import change_url, confirmation
from billing.admin.facts import FactAdmin
from billing.admin.theme import FileInput, ModelAdmin, Select, TextInput, action
from billing.gateway.documents import BadExport
from billing.gateway.exports import KINDS
from billing.gateway.poll import poll
from billing.gateway.reconcile import reconcile, tables
from billing.gateway.settings import read_quota
from billing.gateway.uploads import queue, read_upload
from billing.ingest.decode import Rejection
from billing.models import (
    GatewayConfig,
    GatewayImport,
    Source,
    ToolPrice,
)
from billing.models.gateway_work import WorkStatus
from billing.models.sources import SourceKind

KIND_CHOICES = [
    ("backup", "Backup: GET /admin/backup"),
    ("keys", "Keys: GET /keys or /keys/export"),
    ("usage", "Usage: GET /usage"),
    ("requests", "Request log: GET /requests/export"),
    ("audit", "Audit log: GET /audit/export"),
    ("groups", "Groups: GET /groups"),
    ("config", "Settings: GET /pricing, /info or /status, or a file of settings"),
]
DAYS = ("30", "7", "1", "365")
WORK_COLOURS = {
    WorkStatus.QUEUED.label: "info",
    WorkStatus.RUNNING.label: "info",
    WorkStatus.DONE.label: "success",
    WorkStatus.FAILED.label: "danger",
}


class ImportForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in the stubs
    """A file of a gateway. It is read at once; only what it said is kept, without secrets."""

    kind = forms.ChoiceField(choices=KIND_CHOICES, widget=Select)
    file = forms.FileField(
        widget=FileInput,
        help_text="The gateway's own answer as JSON, plain or gzipped; up to 16 MiB on the way.",
    )
    as_of = forms.DateTimeField(
        required=False,
        widget=TextInput(attrs={"placeholder": "2026-02-16 12:00"}),
        help_text="UTC. When keys or groups were so, for files that do not say it. Empty: now.",
    )

    class Meta:
        model = GatewayImport
        fields = ("source",)

    def clean(self) -> dict[str, Any]:
        """Read the file; a file that is not what it should be is refused here."""
        given = super().clean() or self.cleaned_data
        if given.get("file") is not None and given.get("kind") in KINDS:
            try:
                body = given["file"].read()
                self.batch = read_upload(given["kind"], body, given.get("as_of"))
            except BadExport as error:
                self.add_error("file", f"Nothing was taken from it: {error}")
        return given


def progress(row: Any) -> str:
    """How many records are stored of those read."""
    share = 100 * row.done // row.total if row.total else 100
    return f"{figures.exact(row.done)} of {figures.exact(row.total)} ({share} %)"


@admin.register(GatewayImport)
class GatewayImportAdmin(FactAdmin):
    """Upload a gateway's files and watch them being stored. Doing it again is harmless."""

    form = ImportForm
    add_fields = (("source", "kind"), "file", "as_of")
    list_display = (
        *("created_listed", "source_name", "kind", "file_name", "state", "progress"),
        *("new_shown", "rejected_shown", "actor"),
    )
    details = (
        ("source_name", "kind", "file_name"),
        ("state", "progress", "new_shown", "rejected_shown"),
        ("actor", "created", "finished"),
        "detail",
    )
    created_listed = columns.listed_moment("Uploaded", "created_at")
    created = columns.moment("Uploaded", "created_at")
    finished = columns.moment("Finished", "finished_at")
    state = columns.badge("State", "status", WORK_COLOURS)
    progress = column("Stored", progress)
    new_shown = columns.number("New or changed", "new")
    rejected_shown = columns.number("Rejected", "rejected")
    source_name = column("Source", lambda row: row.source_slug)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The form of a new import, the record of one."""
        return self.add_fields if obj is None else self.details

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """An import is only read."""
        rows = self.details if obj is not None else ()
        return [name for row in rows for name in ([row] if isinstance(row, str) else row)]

    def get_queryset(self, request: HttpRequest) -> Any:
        """Without what is waiting to be stored."""
        return super().get_queryset(request).defer("records")

    def formfield_for_foreignkey(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Files come from gateways."""
        kwargs["queryset"] = Source.objects.filter(kind=SourceKind.PAYGATE)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever may add imports."""
        return request.user.has_perm("billing.add_gatewayimport")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Queue what was read."""
        obj.kind, obj.file_name = form.cleaned_data["kind"], form.cleaned_data["file"].name[:200]
        obj.actor = request.user.get_username()
        queue(obj, form.batch)


class ConfigForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in the stubs
    """Limits that are numbers."""

    class Meta:
        model = GatewayConfig
        fields = (
            *("source", "started_at", "server_version", "default_credits"),
            *("rate_limit_per_min", "quota"),
        )

    def clean_started_at(self) -> datetime | None:
        """The form shows whole seconds: an untouched time keeps its milliseconds."""
        is_new = "started_at" in self.changed_data
        started: datetime | None = (
            self.cleaned_data["started_at"] if is_new else self.instance.started_at
        )
        return started

    def clean_quota(self) -> dict[str, int] | None:
        """Names and whole numbers."""
        try:
            return read_quota(self.cleaned_data["quota"])
        except Rejection as error:
            raise ValidationError(f"Not a quota: {error.detail}") from error


@admin.register(GatewayConfig)
class GatewayConfigAdmin(ModelAdmin):
    """A gateway's limits, in effect at once. For a polled gateway its own word comes back."""

    form = ConfigForm
    actions_detail = ("poll", "reconciliation")
    list_select_related = ("source",)
    search_fields = ("source__slug",)
    list_display = ("source", "started", "limit", "price", "updated")
    fields = (
        ("source", "server_version"),
        "started_at",
        ("rate_limit_per_min", "default_credits"),
        "quota",
    )
    started = columns.moment("Started", "started_at")
    updated = columns.moment("Changed", "updated_at")
    limit = columns.number("Calls a minute", "rate_limit_per_min")
    price = columns.number("Credits a call", "default_credits")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The source is whose limits they are."""
        return ("source",) if obj is not None else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """With the time of the change."""
        obj.updated_at = Now()
        super().save_model(request, obj, form, change)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Empty its fields instead."""
        return False

    def has_poll_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Who may change sources may have them asked."""
        return request.user.has_perm("billing.change_source")

    @action(description="Poll now", permissions=["poll"])
    def poll(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Read what is new at the gateway, after asking."""
        config = get_object_or_404(GatewayConfig, pk=object_id)
        if request.method != "POST":
            explanation = "Everything new is read from the gateway. It may take a minute or two."
            return confirmation(self, request, config, "Poll now", explanation)
        if poll(config.source_id, is_asked=True):
            messages.success(request, "Polled. Polling says how each part went.")
        else:
            why = "Another poll is under way, or the source has no address or admin key."
            messages.warning(request, why)
        return HttpResponseRedirect(change_url(config))

    @action(description="Reconciliation", permissions=["view"])
    def reconciliation(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What each ledger has that another lacks."""
        config = get_object_or_404(GatewayConfig.objects.select_related("source"), pk=object_id)
        asked = request.GET.get("days", "")
        days = int(asked) if asked in DAYS else int(DAYS[0])
        try:
            found = tables(reconcile(config.source, days))
        except OperationalError:
            messages.error(request, "It took too long. Ask for fewer days.")
            return HttpResponseRedirect(change_url(config))
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": config,
            "title": f"Reconciliation of {config.source}",
            "tables": found,
            "days": days,
            "spans": DAYS,
            "back": change_url(config),
        }
        return TemplateResponse(request, "admin/billing/reconciliation.html", context)


@admin.register(ToolPrice)
class ToolPriceAdmin(ModelAdmin):
    """A gateway's price list, in effect at once."""

    list_select_related = ("source",)
    search_fields = ("tool",)
    list_filter = ("source",)
    list_display = ("tool", "price", "source")
    fields = (("source", "tool"), "credits_per_call")
    price = columns.number("Credits a call", "credits_per_call")
