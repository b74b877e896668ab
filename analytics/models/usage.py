"""Rollups of metered calls: totals folded so far, and deltas beside them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from billing.fields import ExactField


class Usage(models.Model):
    """Metered calls of one kind: all that say the same but for their time and credits.

    `first` is the smallest rank among them. Empty text is none was given, as in the facts.
    """

    id = models.BigAutoField(primary_key=True)
    source_id = models.BigIntegerField()
    key_prefix = models.TextField(db_collation="C")
    name = models.TextField(db_collation="C")
    tool = models.TextField(db_collation="C")
    namespace = models.TextField(db_collation="C", null=True)  # noqa: DJ001 - null: none was given
    allowed = models.BooleanField()
    deny_reason = models.TextField(db_collation="C", null=True)  # noqa: DJ001 - null: none was given
    calls = models.BigIntegerField()
    credits = ExactField()
    first = models.BigIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        """Name and tool."""
        return f"{self.tool} by {self.name}"


class UsageTotal(Usage):
    """All-time calls as folded so far; add UsageDelta for the exact figure."""

    digest = models.UUIDField(help_text="Of everything that tells this kind from others.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source_id", "digest"], name="usage_total_once")
        ]


class UsageDelta(Usage):
    """Calls not folded yet, of one quarter hour; written by a trigger with the calls."""

    bucket = models.DateTimeField()

    class Meta:
        ordering = ["-id"]


class UsageQuarter(models.Model):
    """Calls of a namespace in a quarter hour, as folded so far; add UsageDelta."""

    id = models.BigAutoField(primary_key=True)
    source_id = models.BigIntegerField()
    bucket = models.DateTimeField()
    namespace = models.TextField(db_collation="C", null=True)  # noqa: DJ001 - null: none was given
    digest = models.UUIDField(help_text="Of the namespace: too long for an index.")
    calls = models.BigIntegerField()
    allowed = models.BigIntegerField()
    refused = models.BigIntegerField(help_text="Denied with a reason.")
    rate_limited = models.BigIntegerField()
    quota_denied = models.BigIntegerField()
    credits = ExactField(help_text="Of the allowed calls.")

    class Meta:
        ordering = ["-bucket"]
        constraints = [
            models.UniqueConstraint(
                fields=["source_id", "bucket", "digest"], name="usage_quarter_once"
            )
        ]

    def __str__(self) -> str:
        """When, and of which namespace."""
        return f"{self.bucket} {self.namespace or ''}".strip()


class UsageTool(models.Model):
    """All-time calls of a tool by outcome, as folded so far; add UsageDelta for the exact figure.

    `outcome` is `allowed`, `refund`, or the category of a denial.
    """

    id = models.BigAutoField(primary_key=True)
    source_id = models.BigIntegerField()
    tool = models.TextField(db_collation="C")
    outcome = models.CharField(max_length=40, db_collation="C")
    digest = models.UUIDField(help_text="Of tool and outcome: too long for an index.")
    calls = models.BigIntegerField()
    credits = ExactField()

    class Meta:
        ordering = ["source_id", "tool", "outcome"]
        constraints = [
            models.UniqueConstraint(fields=["source_id", "digest"], name="usage_tool_once")
        ]

    def __str__(self) -> str:
        """Tool and outcome."""
        return f"{self.tool}: {self.outcome}"


class UsageLabel(models.Model):
    """All-time calls of a name, a tool, a namespace or a reason; add UsageDelta.

    Few rows, where UsageTotal has one for every combination. `first` and `first_allowed` are ranks.
    """

    id = models.BigAutoField(primary_key=True)
    source_id = models.BigIntegerField()
    part = models.CharField(max_length=9, db_collation="C")
    label = models.TextField(db_collation="C")
    digest = models.UUIDField(help_text="Of part and label: too long for an index.")
    calls = models.BigIntegerField()
    allowed = models.BigIntegerField()
    rate_limited = models.BigIntegerField()
    quota_denied = models.BigIntegerField()
    credits = ExactField(help_text="Of the allowed calls.")
    first = models.BigIntegerField()
    first_allowed = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["source_id", "part", "label"]
        constraints = [
            models.UniqueConstraint(fields=["source_id", "digest"], name="usage_label_once"),
            models.CheckConstraint(
                condition=models.Q(part__in=["name", "tool", "namespace", "reason"]),
                name="usage_label_has_part",
            ),
        ]

    def __str__(self) -> str:
        """What is counted."""
        return f"{self.part} {self.label}"


class UsageRefusal(models.Model):
    """All-time calls of a name or a tool that were denied with a reason, by its category."""

    id = models.BigAutoField(primary_key=True)
    source_id = models.BigIntegerField()
    part = models.CharField(max_length=4, db_collation="C")
    label = models.TextField(db_collation="C")
    category = models.CharField(max_length=40, db_collation="C")
    digest = models.UUIDField(help_text="Of part, label and category: too long for an index.")
    calls = models.BigIntegerField()
    first = models.BigIntegerField()

    class Meta:
        ordering = ["source_id", "part", "label"]
        constraints = [
            models.UniqueConstraint(fields=["source_id", "digest"], name="usage_refusal_once"),
            models.CheckConstraint(
                condition=models.Q(part__in=["name", "tool"]), name="usage_refusal_has_part"
            ),
        ]

    def __str__(self) -> str:
        """What is counted."""
        return f"{self.part} {self.label}: {self.category}"


class UsageTools(models.Model):
    """The tools that calls of a name were allowed, in JavaScript's order of text; add UsageDelta.

    Calls without a tool are left out; `first` is the rank of the first of the others.
    """

    id = models.BigAutoField(primary_key=True)
    source_id = models.BigIntegerField()
    name = models.TextField(db_collation="C")
    digest = models.UUIDField(help_text="Of the name: too long for an index.")
    tools = ArrayField(models.TextField(db_collation="C"))
    first = models.BigIntegerField()

    class Meta:
        ordering = ["source_id", "name"]
        constraints = [
            models.UniqueConstraint(fields=["source_id", "digest"], name="usage_tools_once")
        ]

    def __str__(self) -> str:
        """The name."""
        return self.name


class MetricTool(models.Model):
    """A tool with a label of its own in /metrics, for good.

    What it had when it got the label stays under the label `other`, where it was shown before: so
    no counter falls and none counts twice.
    """

    id = models.BigAutoField(primary_key=True)
    source_id = models.BigIntegerField()
    tool = models.CharField(max_length=100, db_collation="C")
    allowed_before = models.BigIntegerField()
    denied_before = models.BigIntegerField()
    credits_before = ExactField()

    class Meta:
        ordering = ["source_id", "tool"]
        constraints = [
            models.UniqueConstraint(fields=["source_id", "tool"], name="metric_tool_once")
        ]

    def __str__(self) -> str:
        """The tool."""
        return self.tool
