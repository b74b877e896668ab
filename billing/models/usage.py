"""What gateways report: metered calls, request log, audit log, webhook deliveries."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now

from billing.fields import ExactField
from billing.models.keys import ApiKey
from billing.models.sources import Source


class UsageEvent(models.Model):
    """A metered call. Append-only but for `key` and `rank`, which later facts may settle.

    Equal content is legitimate (a batch of calls in one millisecond): `ordinal` counts from 1
    among equal events of a source. `rank` orders events as the gateway metered them:
    epoch milliseconds * 2^20 + the place among the events of that millisecond.
    """

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, related_name="usage", db_index=False
    )
    key = models.ForeignKey(
        ApiKey, on_delete=models.PROTECT, null=True, related_name="usage", db_index=False
    )
    at = models.DateTimeField()
    rank = models.BigIntegerField()
    key_prefix = models.CharField(max_length=10, db_collation="C")
    key_name = models.TextField(db_collation="C")
    tool = models.TextField(db_collation="C")
    credits = ExactField()
    allowed = models.BooleanField()
    deny_reason = models.TextField(db_collation="C", null=True)  # noqa: DJ001 - null: none was given
    namespace = models.TextField(db_collation="C", null=True)  # noqa: DJ001 - null: none was given
    content_hash = models.BinaryField()
    ordinal = models.PositiveIntegerField(default=1)
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "content_hash", "ordinal"], name="usage_once")
        ]
        indexes = [
            models.Index(fields=["source", "rank"], name="usage_by_rank"),
            models.Index(fields=["key", "at"], name="usage_by_key"),
            models.Index(
                models.F("source"),
                models.Func(
                    models.F("key_prefix"), 7, function="left", output_field=models.TextField()
                ),
                name="usage_by_stem",
            ),
        ]

    def __str__(self) -> str:
        """Tool and key."""
        return f"{self.tool} by {self.key_name}"


class UsageSighting(models.Model):
    """How often each way has shown a metered call; the facts hold the greatest of them."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+", db_index=False)
    content_hash = models.BinaryField()
    webhook_times = models.PositiveIntegerField(default=0)
    ring_times = models.PositiveIntegerField(default=0)
    webhook_place = models.PositiveIntegerField(null=True)
    ring_place = models.PositiveIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "content_hash"], name="sighting_once")
        ]

    def __str__(self) -> str:
        """The counts."""
        return f"{self.webhook_times} by webhook, {self.ring_times} by export"


class RequestLog(models.Model):
    """An entry of a gateway's request log. Append-only."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, related_name="request_log", db_index=False
    )
    at = models.DateTimeField()
    log_id = models.BigIntegerField()
    tool = models.TextField(db_collation="C")
    key_mask = models.TextField(db_collation="C")
    allowed = models.BooleanField()
    credits = ExactField()
    duration_ms = ExactField()
    deny_reason = models.TextField(db_collation="C", null=True)  # noqa: DJ001 - null: none was given
    request_id = models.TextField(db_collation="C", null=True)  # noqa: DJ001 - null: none was given
    content_hash = models.BinaryField()
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "content_hash"], name="request_log_once")
        ]
        indexes = [
            models.Index(fields=["source", "at", "log_id"], name="request_log_by_at"),
            models.Index(fields=["source", "key_mask", "at"], name="request_log_by_mask"),
        ]

    def __str__(self) -> str:
        """Tool and key."""
        return f"{self.tool} by {self.key_mask}"


class GatewayAuditEvent(models.Model):
    """An entry of a gateway's audit log. Append-only; `metadata` is JSON text as received."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, related_name="audit_events", db_index=False
    )
    at = models.DateTimeField()
    audit_id = models.BigIntegerField()
    type = models.CharField(max_length=100, db_collation="C")
    actor = models.TextField(db_collation="C")
    message = models.TextField()
    metadata = models.TextField(default="{}")
    content_hash = models.BinaryField()
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "content_hash"], name="audit_event_once")
        ]
        indexes = [
            models.Index(fields=["source", "at", "audit_id"], name="audit_event_by_at"),
            models.Index(fields=["source", "type", "at"], name="audit_event_by_type"),
        ]

    def __str__(self) -> str:
        """Type and message."""
        return f"{self.type}: {self.message}"


class GatewayEvent(models.Model):
    """An admin event of a gateway's webhook. `metadata` is JSON text as received, secrets removed.

    `times` counts its deliveries as the webhook's rule says: a text without the retry header
    counts each time, one only seen as a retry counts once.
    """

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, related_name="gateway_events", db_index=False
    )
    at = models.DateTimeField()
    type = models.CharField(max_length=100, db_collation="C")
    actor = models.TextField(db_collation="C")
    metadata = models.TextField(default="{}")
    key_mask = models.CharField(max_length=64, db_collation="C", blank=True, default="")
    other_mask = models.CharField(
        max_length=64,
        db_collation="C",
        blank=True,
        default="",
        help_text="The key that comes into being or receives.",
    )
    times = models.PositiveIntegerField(default=1)
    content_hash = models.BinaryField()
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "content_hash"], name="gateway_event_once")
        ]
        indexes = [
            models.Index(fields=["source", "at"], name="gateway_event_by_at"),
            models.Index(fields=["source", "key_mask"], name="gateway_event_by_key"),
            models.Index(fields=["source", "other_mask"], name="gateway_event_by_other"),
        ]

    def __str__(self) -> str:
        """The type."""
        return self.type


class WebhookDelivery(models.Model):
    """A distinct text delivered by a gateway's webhook: its events and admin events, redacted."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, related_name="deliveries", db_index=False
    )
    text_hash = models.BinaryField()
    body = models.TextField()
    first_times = models.PositiveIntegerField(default=0, help_text="Without the retry header.")
    retry_times = models.PositiveIntegerField(default=0, help_text="With the retry header.")
    usage_events = models.PositiveIntegerField(default=0)
    admin_events = models.PositiveIntegerField(default=0)
    received_at = models.DateTimeField(db_default=Now())
    last_received_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "text_hash"], name="delivery_text_once")
        ]
        indexes = [BrinIndex(fields=["received_at"], name="delivery_by_received_at")]

    def __str__(self) -> str:
        """What it carried."""
        return f"{self.usage_events} calls, {self.admin_events} admin events"
