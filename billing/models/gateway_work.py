"""Work on gateways: imports, polling, and what staff asked to be done to keys."""

from django.db import models
from django.db.models.functions import Now

from billing.fields import SealedTextField
from billing.models.keys import ApiKey
from billing.models.sources import Source


class WorkStatus(models.TextChoices):
    """How far a piece of work is."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class GatewayImport(models.Model):
    """A file of a gateway that staff uploaded, taken in by a task.

    `records` are what was read from it, secrets already reduced to mask and digest; they are
    dropped once stored. The file itself is never kept.
    """

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, related_name="imports", db_index=False
    )
    kind = models.CharField(max_length=16)
    file_name = models.CharField(max_length=200, blank=True, default="")
    actor = models.CharField(max_length=200, blank=True, default="")
    records = models.BinaryField(null=True, editable=False)
    status = models.CharField(max_length=16, choices=WorkStatus.choices, default=WorkStatus.QUEUED)
    total = models.PositiveBigIntegerField(default=0)
    done = models.PositiveBigIntegerField(default=0)
    new = models.PositiveBigIntegerField(default=0)
    rejected = models.PositiveBigIntegerField(default=0)
    detail = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=WorkStatus.values), name="import_status_known"
            )
        ]
        indexes = [models.Index(fields=["source", "-id"], name="import_by_source")]

    def __str__(self) -> str:
        """Kind and status."""
        return f"{self.kind} of {self.source}: {self.status}"


class PollState(models.Model):
    """How far one resource of a polled gateway has been read. `cursor` survives its restarts."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, related_name="polls", db_index=False
    )
    resource = models.CharField(max_length=32)
    cursor = models.JSONField(default=dict)
    polled_at = models.DateTimeField(null=True)
    succeeded_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["source", "resource"]
        constraints = [
            models.UniqueConstraint(fields=["source", "resource"], name="poll_state_once")
        ]

    def __str__(self) -> str:
        """What is polled."""
        return f"{self.resource} of {self.source}"


class PollGap(models.Model):
    """A stretch of a gateway's records that was gone before it could be read."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, related_name="gaps", db_index=False
    )
    resource = models.CharField(max_length=32)
    noticed_at = models.DateTimeField(db_default=Now())
    after = models.DateTimeField(null=True, help_text="Time of the last record before the gap.")
    before = models.DateTimeField(null=True, help_text="Time of the first record after it.")
    missing = models.PositiveBigIntegerField(null=True, help_text="Records, where it can be told.")
    reason = models.CharField(max_length=500)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "resource", "after", "before"],
                nulls_distinct=False,
                name="poll_gap_once",
            )
        ]

    def __str__(self) -> str:
        """What is missing."""
        return f"gap in {self.resource} of {self.source}"


class KeyActionKind(models.TextChoices):
    """What staff may do to a key."""

    SUSPEND = "suspend", "Suspend"
    RESUME = "resume", "Resume"
    REVOKE = "revoke", "Revoke"
    TOPUP = "topup", "Top up"
    TRANSFER = "transfer", "Transfer credits"
    ROTATE = "rotate", "Rotate"
    EXPIRY = "expiry", "Set expiry"
    GROUP = "group", "Set group"
    TAGS = "tags", "Set tags"


class KeyAction(models.Model):
    """Something done to a key, by whom and why; on a gateway's key by its own API.

    `secret` is the key in full while the action waits, or the new key of a rotation until it is
    shown; empty at all other times. `due_at` is when a queued action is tried next, and when a
    running one counts as abandoned. `sent_at` and `before` (credits and state of the key on the
    gateway) are there once its request may have reached the gateway.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="actions")
    kind = models.CharField(max_length=16, choices=KeyActionKind.choices)
    params = models.JSONField(default=dict)
    actor = models.CharField(max_length=200)
    reason = models.CharField(max_length=500)
    status = models.CharField(max_length=16, choices=WorkStatus.choices, default=WorkStatus.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    outcome = models.TextField(blank=True, default="")
    secret = SealedTextField(blank=True, default="", editable=False)
    before = models.JSONField(null=True, editable=False)
    sent_at = models.DateTimeField(null=True, editable=False)
    due_at = models.DateTimeField(db_default=Now(), editable=False)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=WorkStatus.values), name="key_action_status_known"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=KeyActionKind.values), name="key_action_kind_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                condition=models.Q(status__in=["queued", "running"]),
                name="key_action_open",
            )
        ]

    def __str__(self) -> str:
        """Kind and status."""
        return f"{self.kind}: {self.status}"
