"""Alert rules, what they found, and when nobody wants to hear of it."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from analytics.params import zone_names
from analytics.registry import Family
from billing.fields import ExactField
from notify.models.endpoints import Endpoint


class Comparison(models.TextChoices):
    """How a figure is compared with the threshold."""

    ABOVE = "gt", _("above")
    AT_LEAST = "gte", _("at least")
    BELOW = "lt", _("below")
    AT_MOST = "lte", _("at most")


class Severity(models.TextChoices):
    """How bad it is."""

    INFO = "info", _("Info")
    WARNING = "warning", _("Warning")
    CRITICAL = "critical", _("Critical")


class NoData(models.TextChoices):
    """What a figure that is not there means."""

    FIRING = "firing", _("is an alert")
    OK = "ok", _("is fine")
    KEEP = "keep", _("changes nothing")


class AlertState(models.TextChoices):
    """States of an alert; `pending` is breached for less than the rule's duration."""

    PENDING = "pending", _("Pending")
    FIRING = "firing", _("Firing")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    RESOLVED = "resolved", _("Resolved")


OPEN_STATES = (AlertState.PENDING, AlertState.FIRING, AlertState.ACKNOWLEDGED)
LOUD_STATES = (AlertState.FIRING, AlertState.ACKNOWLEDGED)


class AlertRule(models.Model):
    """A figure of a report and the threshold it should not cross.

    `figure` is a path of JSON names into the result; with `rows` (a path to a list, `.` = the
    result itself) it is a path into each row, and `subject` the field that names the row.
    """

    name = models.CharField(_("name"), max_length=200, unique=True)
    family = models.CharField(max_length=32, choices=[(f.value, f.value) for f in Family])
    report = models.CharField(_("report"), max_length=64, help_text=_("Slug, e.g. denials."))
    params = models.JSONField(
        _("parameters"),
        default=dict,
        blank=True,
        help_text=_('As in the report\'s address, e.g. {"window": "1h"}.'),
    )
    minutes = models.PositiveIntegerField(
        default=0, help_text=_("Ask for the last so many minutes (from/to); 0 = as parameters say.")
    )
    rows = models.CharField(max_length=100, blank=True, default="")
    subject = models.CharField(max_length=100, blank=True, default="")
    figure = models.CharField(_("figure"), max_length=100)
    comparison = models.CharField(max_length=4, choices=Comparison.choices, default="gt")
    threshold = ExactField(_("threshold"))
    for_seconds = models.PositiveIntegerField(
        default=0, help_text=_("Fires when it holds for so long.")
    )
    no_data = models.CharField(max_length=8, choices=NoData.choices, default=NoData.FIRING)
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.WARNING)
    emails = ArrayField(models.EmailField(), default=list, blank=True)
    endpoints = models.ManyToManyField(Endpoint, blank=True, related_name="+")
    enabled = models.BooleanField(_("enabled"), default=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    evaluated_at = models.DateTimeField(null=True, editable=False)
    error = models.CharField(max_length=500, blank=True, default="", editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(comparison__in=Comparison.values), name="rule_comparison_known"
            ),
            models.CheckConstraint(
                condition=models.Q(severity__in=Severity.values), name="rule_severity_known"
            ),
            models.CheckConstraint(
                condition=models.Q(no_data__in=NoData.values), name="rule_no_data_known"
            ),
            models.CheckConstraint(
                condition=models.Q(rows="", subject="")
                | (~models.Q(rows="") & ~models.Q(subject="")),
                name="rule_rows_have_subjects",
            ),
        ]

    def __str__(self) -> str:
        """The name."""
        return self.name


class Alert(models.Model):
    """One period in which a rule's threshold was crossed, for one subject (empty = the whole).

    The database admits one open alert of a rule and subject, so nothing fires twice.
    """

    id = models.BigAutoField(primary_key=True)
    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="alerts")
    subject = models.CharField(max_length=300, blank=True, default="", db_collation="C")
    state = models.CharField(max_length=16, choices=AlertState.choices)
    value = ExactField(null=True, help_text="Null = there was no data.")
    breached_at = models.DateTimeField()
    fired_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=200, blank=True, default="")
    reason = models.CharField(max_length=400, blank=True, default="")
    resolved_at = models.DateTimeField(null=True)
    is_told = models.BooleanField(default=False, help_text="False while muted.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "subject"],
                condition=~models.Q(state="resolved"),
                name="alert_open_once",
            ),
            models.UniqueConstraint(
                fields=["rule", "subject", "breached_at"], name="alert_once_a_period"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=AlertState.values), name="alert_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(state="resolved", resolved_at__isnull=False)
                | (~models.Q(state="resolved") & models.Q(resolved_at__isnull=True)),
                name="alert_resolved_has_time",
            ),
        ]

    def __str__(self) -> str:
        """Rule and subject."""
        return f"{self.rule}: {self.subject}" if self.subject else str(self.rule)


class Evaluation(models.Model):
    """One look at a rule's figure; kept for a week."""

    id = models.BigAutoField(primary_key=True)
    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="evaluations")
    at = models.DateTimeField()
    subjects = models.PositiveIntegerField()
    breached = models.PositiveIntegerField()
    value = ExactField(null=True, help_text="Of a rule without rows.")
    error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["rule", "-id"], name="evaluation_by_rule")]

    def __str__(self) -> str:
        """When."""
        return self.at.isoformat()


class MutingWindow(models.Model):
    """When alerts are recorded and not delivered: once, or every week in a zone."""

    rule = models.ForeignKey(
        AlertRule,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="mutings",
        help_text=_("Empty = every rule."),
    )
    reason = models.CharField(max_length=200)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(),
        default=list,
        blank=True,
        help_text=_("0 = Monday to 6 = Sunday, separated by commas."),
    )
    from_time = models.TimeField(null=True, blank=True)
    to_time = models.TimeField(
        null=True, blank=True, help_text=_("Not later than the beginning = on the next day.")
    )
    zone = models.CharField(max_length=64, default="UTC")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    starts_at__isnull=False,
                    ends_at__gt=models.F("starts_at"),
                    weekdays=[],
                    from_time__isnull=True,
                    to_time__isnull=True,
                )
                | (
                    models.Q(
                        starts_at__isnull=True,
                        ends_at__isnull=True,
                        from_time__isnull=False,
                        to_time__isnull=False,
                    )
                    & ~models.Q(weekdays=[])
                ),
                name="muting_once_or_weekly",
                violation_error_message=_("Give a beginning and an end, or weekdays and times."),
            ),
            models.CheckConstraint(
                condition=models.Q(weekdays__contained_by=[0, 1, 2, 3, 4, 5, 6]),
                name="muting_weekdays_known",
            ),
        ]

    def __str__(self) -> str:
        """Why."""
        return self.reason

    def clean(self) -> None:
        """The zone must exist."""
        if self.zone not in zone_names():
            raise ValidationError({"zone": _("Use an IANA time zone such as Asia/Kolkata.")})
