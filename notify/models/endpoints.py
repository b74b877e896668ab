"""Receivers of webhooks."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.fields import ExactField, SealedTextField
from billing.models import Source


class EventType(models.TextChoices):
    """What an endpoint may subscribe to."""

    PAYMENT_SETTLED = "payment.settled", _("Payment settled")
    PAYMENT_FAILED = "payment.failed", _("Payment failed")
    REVENUE_RECORDED = "revenue.recorded", _("Revenue recorded")
    KEY_LOW_BALANCE = "key.low_balance", _("Key low on credits")
    ALERT_FIRING = "alert.firing", _("Alert firing")
    ALERT_RESOLVED = "alert.resolved", _("Alert resolved")
    REPORT_READY = "report.ready", _("Scheduled report ready")


class Endpoint(models.Model):
    """A URL that gets signed requests. Its secrets are sealed at rest and shown once.

    `enabled` off: nothing is collected for it. Paused: everything is collected and waits.
    `failing_since` is when its present row of failures began.
    """

    name = models.CharField(_("name"), max_length=200, unique=True)
    url = models.URLField(_("URL"), max_length=500)
    events = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    source = models.ForeignKey(
        Source,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Only what this source produced; empty = every source."),
    )
    low_balance = ExactField(
        _("low balance"),
        default=100,
        help_text=_("key.low_balance is sent when a key's credits fall below this."),
    )
    secret = SealedTextField(editable=False)
    previous_secret = SealedTextField(blank=True, default="", editable=False)
    enabled = models.BooleanField(_("enabled"), default=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Gets an e-mail when the endpoint is paused."),
    )
    failing_since = models.DateTimeField(null=True, editable=False)
    paused_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name = _("webhook endpoint")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(events__contained_by=EventType.values),
                name="endpoint_events_known",
            ),
            models.CheckConstraint(condition=~models.Q(secret=""), name="endpoint_has_secret"),
        ]

    def __str__(self) -> str:
        """The name."""
        return self.name

    def secrets(self) -> list[str]:
        """What requests are signed with, newest first."""
        return [s for s in (self.secret, self.previous_secret) if s]
