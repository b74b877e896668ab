"""The inbox: what was received, accepted or not, and the receipts given for it."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now

from billing.models.sources import Source


class Event(models.Model):
    """An accepted event as received. Append-only (a trigger refuses UPDATE, DELETE, TRUNCATE)."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, related_name="events", db_index=False
    )
    event_id = models.CharField(max_length=256, db_collation="C")
    type = models.CharField(max_length=64)
    payment_id = models.CharField(max_length=300, db_collation="C", null=True)  # noqa: DJ001 - null: concerns no payment
    occurred_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(db_default=Now())
    body = models.TextField()
    body_hash = models.BinaryField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "event_id"], name="event_once_per_source")
        ]
        indexes = [
            models.Index(fields=["source", "payment_id"], name="event_by_payment"),
            BrinIndex(fields=["received_at"], name="event_by_received_at"),
        ]

    def __str__(self) -> str:
        """Type and id."""
        return f"{self.type} {self.event_id}"


class EventConflict(models.Model):
    """Another body under an id already taken: the stored event stands, this one is kept."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, related_name="conflicts", db_index=False
    )
    event_id = models.CharField(max_length=256, db_collation="C")
    received_at = models.DateTimeField(db_default=Now())
    body = models.TextField()
    body_hash = models.BinaryField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "event_id", "body_hash"], name="event_conflict_once"
            )
        ]

    def __str__(self) -> str:
        """The contested id."""
        return self.event_id


class RejectedStatus(models.TextChoices):
    """Where a quarantined event stands."""

    OPEN = "open", "Open"
    REPLAYED = "replayed", "Replayed"
    DISMISSED = "dismissed", "Dismissed"


class RejectedEvent(models.Model):
    """What could not be understood, verbatim, with the reason. Replayable; nothing vanishes."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, related_name="rejected_events", db_index=False
    )
    body = models.BinaryField()
    body_hash = models.BinaryField()
    code = models.CharField(max_length=64)
    detail = models.CharField(max_length=500)
    times_seen = models.PositiveBigIntegerField(default=1)
    received_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())
    status = models.CharField(
        max_length=16, choices=RejectedStatus.choices, default=RejectedStatus.OPEN
    )
    resolved_at = models.DateTimeField(null=True)
    resolution = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "body_hash", "code"], name="rejected_event_once"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=RejectedStatus.values),
                name="rejected_event_status_known",
            ),
        ]
        indexes = [models.Index(fields=["status", "-id"], name="rejected_event_by_status")]

    def __str__(self) -> str:
        """The reason."""
        return f"{self.code} #{self.pk}"

    def text(self) -> str:
        """The body for display; bytes that are not UTF-8 appear as replacement characters."""
        return bytes(self.body).decode("utf-8", "replace")


class IngestReceipt(models.Model):
    """One answered ingest request: how many of its events became what. Append-only."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, related_name="receipts", db_index=False
    )
    received_at = models.DateTimeField(db_default=Now())
    accepted = models.PositiveIntegerField()
    duplicate = models.PositiveIntegerField()
    conflict = models.PositiveIntegerField()
    rejected = models.PositiveIntegerField()

    class Meta:
        ordering = ["-id"]
        indexes = [BrinIndex(fields=["received_at"], name="receipt_by_received_at")]

    def __str__(self) -> str:
        """The counts."""
        return f"{self.accepted}+{self.duplicate}+{self.conflict}+{self.rejected}"
