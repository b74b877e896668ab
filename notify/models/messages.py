"""The outbox: messages, to whom each goes, and every attempt to get it there."""

from datetime import timedelta

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.models import Source
from notify.models.endpoints import Endpoint

GIVE_UP_AFTER = timedelta(hours=24)


class Message(models.Model):
    """Something that happened, frozen when it did.

    `event_id` is the same however often the fact is written, and unique: nothing is said twice.
    Facts write their messages by trigger, in their own transaction. `subject`, `text` and `html`
    are for e-mail and empty when the message only goes to endpoints.
    """

    id = models.BigAutoField(primary_key=True)
    event_id = models.CharField(max_length=200, unique=True, db_collation="C")
    type = models.CharField(max_length=32)
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    data = models.JSONField(default=dict)
    subject = models.CharField(max_length=300, db_default="", default="", blank=True)
    text = models.TextField(db_default="", default="", blank=True)
    html = models.TextField(db_default="", default="", blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        """The event's id."""
        return self.event_id


class MessageFile(models.Model):
    """An attachment; one with a `content_id` is shown inside the HTML."""

    id = models.BigAutoField(primary_key=True)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100)
    content_id = models.CharField(max_length=100, blank=True, default="")
    content = models.BinaryField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        """Its name."""
        return self.name


class DeliveryState(models.TextChoices):
    """What became of a delivery so far."""

    WAITING = "waiting", _("Waiting")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Given up")


class Delivery(models.Model):
    """A message on its way to one endpoint or one address.

    A claim moves `next_at` ahead before anything is sent, so a sender that dies is followed by
    another: at least once, never silently lost. Receivers tell repeats by the event's id.
    """

    id = models.BigAutoField(primary_key=True)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="deliveries")
    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, null=True, related_name="deliveries", db_index=False
    )
    address = models.CharField(max_length=320, blank=True, default="", db_default="")
    state = models.CharField(
        max_length=16,
        choices=DeliveryState.choices,
        default=DeliveryState.WAITING,
        db_default=DeliveryState.WAITING,
    )
    attempts_made = models.PositiveIntegerField(default=0, db_default=0)
    next_at = models.DateTimeField(db_default=Now())
    give_up_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = _("deliveries")
        constraints = [
            models.UniqueConstraint(
                fields=["message", "endpoint"],
                condition=models.Q(endpoint__isnull=False),
                name="delivery_once_an_endpoint",
            ),
            models.UniqueConstraint(
                fields=["message", "address"],
                condition=models.Q(endpoint__isnull=True),
                name="delivery_once_an_address",
            ),
            models.CheckConstraint(
                condition=models.Q(endpoint__isnull=False, address="")
                | (models.Q(endpoint__isnull=True) & ~models.Q(address="")),
                name="delivery_to_endpoint_or_address",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=DeliveryState.values), name="delivery_state_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_at", "id"],
                condition=models.Q(state="waiting"),
                name="delivery_due",
            ),
            models.Index(fields=["endpoint", "-id"], name="delivery_by_endpoint"),
        ]

    def __str__(self) -> str:
        """To whom."""
        return str(self.endpoint) if self.endpoint else self.address


class Attempt(models.Model):
    """One try: what was answered, or why there was no answer."""

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField(db_default=Now())
    milliseconds = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.CharField(max_length=1_000, blank=True, default="")
    error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        """Status or error."""
        return str(self.status or self.error)
