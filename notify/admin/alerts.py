"""Alerts that are open and were, the rules behind them, and times of silence."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException

from billing.admin import columns, figures
from billing.admin.columns import column
from billing.admin.confirm import ReasonForm, change_url, confirmation
from billing.admin.facts import ReadOnlyAdmin
from billing.admin.theme import ModelAdmin, action
from notify.alerting import acknowledge
from notify.evaluate import database_now
from notify.figures import NoFigure, answer_of, figures_of, is_breached
from notify.models.alerts import LOUD_STATES, Alert, AlertRule, Evaluation, MutingWindow

STATES = {"Pending": "info", "Firing": "danger", "Acknowledged": "warning", "Resolved": "success"}
PREVIEWED = 20
BADGE_UP_TO = 99  # the sidebar is on every page, so it never counts more rows than it can show


def firing_badge(_request: HttpRequest) -> str:
    """How many alerts fire, for the sidebar, at most "99+"; empty when none does."""
    loud = Alert.objects.filter(state__in=LOUD_STATES).values_list("pk")[: BADGE_UP_TO + 1]
    count = len(loud)
    if count > BADGE_UP_TO:
        return f"{BADGE_UP_TO}+"
    return str(count) if count else ""


class StateFilter(admin.SimpleListFilter):
    """Open alerts unless all are asked for."""

    title = _("state")
    parameter_name = "which"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Open is what the list shows without being asked."""
        return [("open", _("Open")), ("all", _("All"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The rows of the choice."""
        return queryset if self.value() == "all" else queryset.exclude(state="resolved")


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """Open alerts first; acknowledged by name, with a reason."""

    actions_detail = ("acknowledge",)
    list_select_related = ("rule",)
    list_filter = (StateFilter, "rule", "rule__severity")
    list_display = ("rule", "subject", "state_shown", "severity", "value_shown", "fired")
    fieldsets = (
        (None, {"fields": (("rule", "subject"), ("state_shown", "severity", "value_shown"))}),
        (_("Times"), {"fields": (("breached", "fired", "resolved"), "told")}),
        (_("Acknowledged"), {"fields": (("acknowledged_by", "acknowledged"), "reason")}),
    )
    readonly_fields = columns.fields_of(fieldsets)
    state_shown = columns.badge("State", "state", STATES)
    severity = column("Severity", lambda row: row.rule.get_severity_display())
    value_shown = column(
        "Value", lambda row: "no data" if row.value is None else figures.exact(row.value)
    )
    breached = columns.moment("Since", "breached_at")
    fired = columns.moment("Fired", "fired_at")
    resolved = columns.moment("Resolved", "resolved_at")
    acknowledged = columns.moment("At", "acknowledged_at")
    told = column("Delivered", lambda row: "yes" if row.is_told else "no: muted, or not fired")

    def has_acknowledge_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may change alerts."""
        return request.user.has_perm("notify.change_alert")

    @action(description=_("Acknowledge"), permissions=["acknowledge"])
    def acknowledge(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Somebody looks after it."""
        alert = get_object_or_404(Alert, pk=object_id)
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            text = gettext("It stays open until the figure is right again.")
            return confirmation(self, request, alert, gettext("Acknowledge"), text, form)
        who = request.user.get_username()
        if acknowledge(alert, who, form.cleaned_data["reason"]):
            self.log_change(request, alert, "Acknowledged.")
            messages.success(request, gettext("%s is acknowledged.") % alert)
        else:
            messages.error(request, gettext("It is not firing any more."))
        return HttpResponseRedirect(change_url(alert))


class NewestEvaluations(forms.BaseInlineFormSet):  # type: ignore[type-arg]  # generic only in the stubs
    """The newest of a rule's evaluations; a week of them would be ten thousand."""

    def get_queryset(self) -> Any:
        """As many as a page shows."""
        return super().get_queryset()[:PREVIEWED]


class EvaluationInline(admin.TabularInline):  # type: ignore[type-arg]  # generic only in the stubs
    """The last looks at the figure."""

    model = Evaluation
    formset = NewestEvaluations
    extra = 0
    can_delete = False
    fields = readonly_fields = ("at", "value", "subjects", "breached", "error")
    verbose_name_plural = _("recent evaluations")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They are written by evaluation."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They are read."""
        return False


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in the stubs
    """A rule that can be evaluated: the report is asked when it is saved."""

    class Meta:
        model = AlertRule
        fields = (
            "name",
            "family",
            "report",
            "params",
            "minutes",
            "rows",
            "subject",
            "figure",
            "comparison",
            "threshold",
            "for_seconds",
            "no_data",
            "severity",
            "emails",
            "endpoints",
            "enabled",
            "owner",
        )

    def clean(self) -> Any:
        """Refuse what the report does not say."""
        given = super().clean()
        if not self.errors:
            rule = AlertRule(**{n: v for n, v in self.cleaned_data.items() if n != "endpoints"})
            try:
                figures_of(rule, answer_of(rule, database_now()).data)
            except (APIException, LookupError, NoFigure, ValueError, DatabaseError) as error:
                raise forms.ValidationError(str(error)) from error
        return given


@admin.register(AlertRule)
class AlertRuleAdmin(ModelAdmin):
    """Rules, their last evaluations, and a test that changes nothing."""

    form = RuleForm
    actions_detail = ("test_now",)
    list_display = ("name", "enabled", "severity", "condition", "looked", "error")
    list_filter = ("enabled", "severity")
    search_fields = ("name",)
    filter_horizontal = ("endpoints",)
    readonly_fields = ("looked", "error")
    inlines = (EvaluationInline,)
    fieldsets = (
        (None, {"fields": (("name", "enabled"), ("severity", "owner"))}),
        (_("Figure"), {"fields": (("family", "report"), ("params", "minutes"))}),
        (None, {"fields": (("rows", "subject", "figure"),)}),
        (_("Condition"), {"fields": (("comparison", "threshold"), ("for_seconds", "no_data"))}),
        (_("Told to"), {"fields": ("emails", "endpoints")}),
        (_("Last evaluation"), {"fields": (("looked", "error"),)}),
    )
    looked = columns.moment("Evaluated", "evaluated_at")
    condition = column(
        "Condition",
        lambda row: f"{row.figure} {row.get_comparison_display()} {figures.exact(row.threshold)}",
    )

    @action(description=_("Test now"), permissions=["view"])
    def test_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the rule would find; nothing is written and nobody is told."""
        rule = get_object_or_404(AlertRule, pk=object_id)
        try:
            found = figures_of(rule, answer_of(rule, database_now()).data)
        except (APIException, LookupError, NoFigure, ValueError, DatabaseError) as error:
            messages.error(request, f"{type(error).__name__}: {error}")
        else:
            shown = list(found.items())[:PREVIEWED]
            text = "; ".join(_preview(rule, *figure) for figure in shown) or gettext("no data")
            messages.info(request, f"{len(found)}: {text}")
        return HttpResponseRedirect(change_url(rule))


def _preview(rule: AlertRule, subject: str, value: Any) -> str:
    name = f"{subject} " if subject else ""
    if value is None:
        return f"{name}{gettext('no data')}"
    word = gettext("breached") if is_breached(rule, value) else gettext("fine")
    return f"{name}{figures.exact(value)} ({word})"


@admin.register(MutingWindow)
class MutingWindowAdmin(ModelAdmin):
    """Times of silence."""

    list_display = ("reason", "rule", "starts_at", "ends_at", "weekdays", "from_time", "zone")
    list_select_related = ("rule",)
    fieldsets = (
        (None, {"fields": (("reason", "rule"),)}),
        (_("Once"), {"fields": (("starts_at", "ends_at"),)}),
        (_("Every week"), {"fields": (("weekdays", "zone"), ("from_time", "to_time"))}),
    )
