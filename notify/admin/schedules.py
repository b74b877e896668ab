"""Scheduled reports: made, tried, resumed."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.admin import columns
from billing.admin.columns import column
from billing.admin.confirm import change_url
from billing.admin.theme import ModelAdmin, action
from notify.models import ReportSchedule
from notify.reporting import FAILURES, answered, resume, send_test

COLOURS = {"On": "success", "Off": "info", "Paused": "danger"}


def standing(row: Any) -> str:
    """Whether it is sent."""
    if not row.enabled:
        return "Off"
    return "Paused" if row.paused_at else "On"


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in the stubs
    """A report that can be asked: it is, when the form is saved."""

    class Meta:
        model = ReportSchedule
        fields = (
            *("name", "family", "report", "params", "every", "weekday", "at", "zone"),
            *("emails", "endpoints", "enabled", "owner"),
        )

    def clean(self) -> Any:
        """Refuse what the report does not take, and what nobody would get."""
        given = super().clean() or {}
        if self.errors:
            return given
        if not given.get("emails") and not given.get("endpoints"):
            raise forms.ValidationError(_("Name an address or an endpoint."), "no_receiver")
        try:
            with transaction.atomic():
                answered(_planned(given))
        except FAILURES as error:
            raise forms.ValidationError(str(error), "report_fails") from error
        return given


def _planned(given: dict[str, Any]) -> ReportSchedule:
    """What would be sent today, unsaved."""
    schedule = ReportSchedule(**{n: v for n, v in given.items() if n != "endpoints"})
    schedule.plan()
    return schedule


@admin.register(ReportSchedule)
class ReportScheduleAdmin(ModelAdmin):
    """Reports that are sent by themselves."""

    form = ScheduleForm
    actions_detail = ("send_test_mail", "resume_it")
    list_display = ("name", "standing", "report", "every", "next", "told_until", "error")
    list_filter = ("enabled", "every")
    search_fields = ("name",)
    filter_horizontal = ("endpoints",)
    readonly_fields = ("standing", "next", "told_until", "failures", "error")
    fieldsets = (
        (None, {"fields": (("name", "enabled"), ("family", "report"), ("params", "owner"))}),
        (_("When"), {"fields": (("every", "weekday"), ("at", "zone"))}),
        (_("Sent to"), {"fields": ("emails", "endpoints")}),
        (
            _("So far"),
            {"fields": (("standing", "next"), ("told_until", "failures"), "error")},
        ),
    )
    standing = column("Standing", standing)
    standing.label = COLOURS  # type: ignore[attr-defined]  # how unfold colours a label
    next = columns.moment("Next", "next_at")

    @action(description=_("Send a test to me"), permissions=["change"])
    def send_test_mail(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The mail of the next period as it would be now, to whoever asks."""
        schedule = get_object_or_404(ReportSchedule, pk=object_id)
        user: Any = request.user
        if not user.email:
            messages.error(request, gettext("You have no e-mail address."))
        else:
            try:
                with transaction.atomic():
                    send_test(schedule, user)
            except FAILURES as error:
                messages.error(request, f"{type(error).__name__}: {error}")
            else:
                messages.success(request, gettext("It is on its way to %s.") % user.email)
        return HttpResponseRedirect(change_url(schedule))

    @action(description=_("Resume"), permissions=["change"])
    def resume_it(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go on after a pause, with what was missed."""
        schedule = get_object_or_404(ReportSchedule, pk=object_id)
        resume(schedule)
        messages.success(request, gettext("It goes on; what was missed is sent."))
        return HttpResponseRedirect(change_url(schedule))
