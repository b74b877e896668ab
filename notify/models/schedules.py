"""Reports that are sent by themselves: which, how often, to whom."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from analytics.params import zone_names
from analytics.registry import Family
from notify.models.endpoints import Endpoint
from notify.periods import Every, due, next_end


def check_zone(name: str) -> None:
    """ValidationError for what is no IANA time zone."""
    if name not in zone_names():
        raise ValidationError(_("Use an IANA time zone such as Asia/Kolkata."), "invalid_zone")


class Weekday(models.IntegerChoices):
    """As Python counts them."""

    MONDAY = 0, _("Monday")
    TUESDAY = 1, _("Tuesday")
    WEDNESDAY = 2, _("Wednesday")
    THURSDAY = 3, _("Thursday")
    FRIDAY = 4, _("Friday")
    SATURDAY = 5, _("Saturday")
    SUNDAY = 6, _("Sunday")


class ReportSchedule(models.Model):
    """A report of the last day, week or month, sent once when that is over.

    A period is days of `zone`; it is sent at `at` of the day after it. `told_until` is the day on
    which the last period that was sent ended, `next_at` when the next one is due. Periods that were
    missed are sent one after the other. Three failures in a row pause it.
    """

    name = models.CharField(_("name"), max_length=200, unique=True)
    family = models.CharField(max_length=32, choices=[(f.value, f.value) for f in Family])
    report = models.CharField(
        _("report"), max_length=64, help_text=_("Slug, e.g. revenue-breakdown.")
    )
    params = models.JSONField(
        _("parameters"),
        default=dict,
        blank=True,
        help_text=_('As in the report\'s address, e.g. {"network": "base"}; not the time.'),
    )
    every = models.CharField(_("every"), max_length=7, choices=Every.choices, default=Every.DAY)
    weekday = models.PositiveSmallIntegerField(
        _("weekday"),
        choices=Weekday.choices,
        default=Weekday.MONDAY,
        help_text=_("The day after a week's last one; for every week."),
    )
    at = models.TimeField(_("at"), help_text=_("Time of day in the zone."))
    zone = models.CharField(_("zone"), max_length=64, default="UTC", validators=[check_zone])
    emails = ArrayField(models.EmailField(), default=list, blank=True)
    endpoints = models.ManyToManyField(Endpoint, blank=True, related_name="+")
    enabled = models.BooleanField(_("enabled"), default=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    told_until = models.DateField(editable=False)
    next_at = models.DateTimeField(editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False, help_text=_("In a row."))
    error = models.CharField(max_length=500, blank=True, default="", editable=False)
    paused_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("scheduled report")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(every__in=Every.values), name="schedule_every_known"
            ),
            models.CheckConstraint(
                condition=models.Q(weekday__lte=6), name="schedule_weekday_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_at"],
                condition=models.Q(enabled=True, paused_at=None),
                name="schedule_due",
            )
        ]

    def __str__(self) -> str:
        """The name."""
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """With what follows from the times."""
        self.plan()
        super().save(*args, **kwargs)

    def plan(self) -> None:
        """Settle what comes next; of the time before it was made nothing is sent."""
        if getattr(self, "told_until", None) is None:
            self.told_until = datetime.now(UTC).astimezone(ZoneInfo(self.zone)).date()
        if self.failures == 0:
            self.next_at = due(self.following, self.at, self.zone)

    @property
    def following(self) -> date:
        """The day on which the next period has ended."""
        return next_end(Every(self.every), self.weekday, self.told_until)
