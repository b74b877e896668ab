"""Rollups of gateways' request logs: totals folded so far, and which entries are not in them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from billing.fields import ExactField


class LogPending(models.Model):
    """An entry of a request log that is not folded yet; written by a trigger with the entry."""

    entry_id = models.BigIntegerField(primary_key=True)

    class Meta:
        ordering = ["entry_id"]

    def __str__(self) -> str:
        """Which entry."""
        return str(self.entry_id)


class LogTotal(models.Model):
    """All-time entries of a request log that say the same; add LogPending for the exact figure.

    `first` orders entries as gateways do: milliseconds * 2^20 + the entry's number. Durations are
    milliseconds, `duration` their sum.
    """

    id = models.BigAutoField(primary_key=True)
    source_id = models.BigIntegerField()
    mask = models.TextField(db_collation="C")
    tool = models.TextField(db_collation="C")
    allowed = models.BooleanField()
    deny_reason = models.TextField(db_collation="C", null=True)  # noqa: DJ001 - null: allowed
    digest = models.UUIDField(help_text="Of everything that tells this kind from others.")
    calls = models.BigIntegerField()
    credits = ExactField()
    duration = ExactField()
    first = models.BigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source_id", "digest"], name="log_total_once")
        ]

    def __str__(self) -> str:
        """Mask and tool."""
        return f"{self.tool} by {self.mask}"


class LogConsumer(models.Model):
    """All-time entries of a masked key; add LogPending for the exact figure.

    `hours` has a bit for each hour of the day (UTC) with a request. Durations and `first` are those
    of allowed requests, null without one.
    """

    id = models.BigAutoField(primary_key=True)
    source_id = models.BigIntegerField()
    mask = models.TextField(db_collation="C")
    digest = models.UUIDField(help_text="Of the mask: too long for an index.")
    allowed = models.BigIntegerField()
    duration = ExactField()
    shortest = ExactField(null=True)
    longest = ExactField(null=True)
    first = models.BigIntegerField(null=True)
    last_at = models.DateTimeField()
    hours = models.IntegerField()
    tools = ArrayField(
        models.TextField(db_collation="C"), help_text="Of the allowed requests, in order."
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source_id", "digest"], name="log_consumer_once")
        ]

    def __str__(self) -> str:
        """The mask."""
        return self.mask


class LogDuration(models.Model):
    """All-time allowed entries of a tool that took equally long; add LogPending."""

    id = models.BigAutoField(primary_key=True)
    source_id = models.BigIntegerField()
    tool = models.TextField(db_collation="C")
    duration_ms = ExactField()
    digest = models.UUIDField(help_text="Of tool and duration: too long for an index.")
    calls = models.BigIntegerField()
    first = models.BigIntegerField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source_id", "digest"], name="log_duration_once")
        ]

    def __str__(self) -> str:
        """Tool and milliseconds."""
        return f"{self.tool}: {self.duration_ms} ms"


class LogHour(models.Model):
    """Entries for a tool in an hour of UTC, as folded so far; add LogPending.

    `first` is the first allowed one, null without one.
    """

    id = models.BigAutoField(primary_key=True)
    source_id = models.BigIntegerField()
    hour = models.DateTimeField()
    tool = models.TextField(db_collation="C")
    digest = models.UUIDField(help_text="Of the tool: too long for an index.")
    requests = models.BigIntegerField()
    allowed = models.BigIntegerField()
    credits = ExactField(help_text="Of the allowed requests.")
    duration = ExactField(help_text="Of all requests, milliseconds.")
    first = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["-hour"]
        constraints = [
            models.UniqueConstraint(fields=["source_id", "hour", "digest"], name="log_hour_once")
        ]

    def __str__(self) -> str:
        """When, and for what."""
        return f"{self.hour} {self.tool}"


class LogSlot(models.Model):
    """How many masked keys an hour or a day of UTC has seen, as folded so far; add LogPending."""

    id = models.BigAutoField(primary_key=True)
    source_id = models.BigIntegerField()
    unit = models.CharField(max_length=4, db_collation="C")
    slot = models.DateTimeField()
    consumers = models.BigIntegerField()
    callers = models.BigIntegerField(help_text="Masked keys with an allowed request.")

    class Meta:
        ordering = ["-slot"]
        constraints = [
            models.UniqueConstraint(fields=["source_id", "unit", "slot"], name="log_slot_once"),
            models.CheckConstraint(
                condition=models.Q(unit__in=["hour", "day"]), name="log_slot_is_hour_or_day"
            ),
        ]

    def __str__(self) -> str:
        """When."""
        return f"{self.unit} {self.slot}"
