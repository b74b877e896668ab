"""What staff or the gateway itself say about a gateway: its limits, its prices, its groups."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from billing.fields import ExactField
from billing.models.sources import Source


class GatewayConfig(models.Model):
    """A gateway's limits. Edited by staff or taken from the gateway; in effect at once."""

    source = models.OneToOneField(
        Source, on_delete=models.PROTECT, primary_key=True, related_name="gateway"
    )
    started_at = models.DateTimeField(null=True, blank=True)
    server_version = models.CharField(max_length=64, blank=True, default="")
    default_credits = ExactField(null=True, blank=True, help_text="Price of a tool without a row.")
    rate_limit_per_min = models.BigIntegerField(
        null=True, blank=True, help_text="Calls a minute and key; 0 = unlimited."
    )
    quota = models.JSONField(
        null=True,
        blank=True,
        help_text="Global quota: dailyCallLimit, monthlyCallLimit, dailyCreditLimit, ...",
    )
    updated_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        """The source."""
        return f"configuration of {self.source}"


class ToolPrice(models.Model):
    """What a call of a tool costs by the gateway's price list."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, related_name="tool_prices", db_index=False
    )
    tool = models.CharField(max_length=1000, db_collation="C")
    credits_per_call = ExactField()

    class Meta:
        ordering = ["tool"]
        constraints = [models.UniqueConstraint(fields=["source", "tool"], name="tool_price_once")]

    def __str__(self) -> str:
        """Tool and price."""
        return f"{self.tool}: {self.credits_per_call}"


class KeyGroup(models.Model):
    """A group of keys with a common policy."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, related_name="key_groups", db_index=False
    )
    group_id = models.CharField(max_length=64, db_collation="C")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    is_active = models.BooleanField(default=True)
    allowed_tools = ArrayField(models.TextField(), default=list, blank=True)
    denied_tools = ArrayField(models.TextField(), default=list, blank=True)
    ip_allowlist = ArrayField(models.TextField(), default=list, blank=True)
    rate_limit_per_min = models.BigIntegerField(default=0)
    tags = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(null=True)
    position = models.BigIntegerField(
        null=True, editable=False, help_text="Place in the gateway's own list."
    )
    seen_at = models.DateTimeField(null=True, editable=False, help_text="Of the newest snapshot.")

    class Meta:
        ordering = ["position", "group_id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "group_id"], name="key_group_once")
        ]

    def __str__(self) -> str:
        """The name."""
        return self.name
