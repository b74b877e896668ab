"""The shapes of keys and what belongs to them."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from billing.api.fields import ExactNumberField
from billing.api.key_fields import (
    LONGEST_TOOL,
    CreditsField,
    NamespaceField,
    NetworksField,
    QuotaField,
    TagsField,
    ToolsField,
)
from billing.api.serializers import RowSerializer
from billing.gateway.redact import redacted
from billing.models import ApiKey, CreditEntry, KeyAction, KeyGroup, KeyNote, UsageEvent


class KeySerializer(RowSerializer[ApiKey]):
    """A consumer key. Credits are JSON numbers; the key itself is never here."""

    group = serializers.CharField(source="group_id", read_only=True, help_text="Id of its group.")
    credits = ExactNumberField(read_only=True, help_text="The balance.")
    total_spent = ExactNumberField(read_only=True)
    spending_limit = ExactNumberField(read_only=True, help_text="Credits in all; 0 = none.")
    quota = QuotaField(read_only=True)
    quota_daily_credits = ExactNumberField(read_only=True)
    quota_monthly_credits = ExactNumberField(read_only=True)
    tags = TagsField(read_only=True)

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = (
            *("id", "source", "is_issued_here", "prefix", "mask", "name", "alias", "namespace"),
            *("credits", "total_spent", "total_calls", "active", "suspended", "created_at"),
            *("last_used_at", "expires_at", "group", "tags", "spending_limit", "allowed_tools"),
            *("denied_tools", "ip_allowlist", "quota", "quota_daily_calls", "quota_daily_credits"),
            *("quota_day", "quota_monthly_calls", "quota_monthly_credits", "quota_month"),
            "is_ambiguous",
        )
        read_only_fields = fields


class NewKeySerializer(KeySerializer):
    """A key just issued, with its secret."""

    key = serializers.CharField(read_only=True, help_text="In full, shown only now.")

    class Meta(KeySerializer.Meta):
        fields: tuple[str, ...] = ("key", *KeySerializer.Meta.fields)
        read_only_fields = fields


class IssueSerializer(serializers.Serializer[None]):
    """A key to be issued."""

    source = serializers.CharField(  # type: ignore[assignment]  # DRF has an attribute of this name
        required=False, help_text="Slug; the token's own source, else `default`."
    )
    name = serializers.CharField(max_length=200)
    credits = CreditsField(min_value=0, default=0, help_text="Granted at once.")
    namespace = NamespaceField(default="default")
    group = serializers.CharField(max_length=64, default="", allow_blank=True)
    tags = TagsField(default=dict)
    spending_limit = CreditsField(min_value=0, default=0, help_text="Credits in all; 0 = none.")
    quota = QuotaField(default=None)
    ip_allowlist = NetworksField(default=list)
    allowed_tools = ToolsField(default=list, help_text="Empty = every tool.")
    denied_tools = ToolsField(default=list)
    expires_at = serializers.DateTimeField(default=None, allow_null=True)

    def validate_expires_at(self, moment: Any) -> Any:
        """A key that is over already is a mistake."""
        if moment is not None and moment <= timezone.now():
            raise serializers.ValidationError("This is past.")
        return moment


class VerifySerializer(serializers.Serializer[None]):
    """A call about to be made with a key."""

    source = serializers.CharField(  # type: ignore[assignment]  # DRF has an attribute of this name
        required=False, help_text="Slug; the token's own source, else `default`."
    )
    key = serializers.CharField(max_length=4_000, help_text="The key in full.")
    tool = serializers.CharField(max_length=LONGEST_TOOL, trim_whitespace=False)
    credits = CreditsField(
        min_value=0, required=False, allow_null=True, help_text="Absent = by the price list."
    )
    request_id = serializers.CharField(
        max_length=200, required=False, allow_null=True, help_text="Makes the request repeatable."
    )
    ip = serializers.IPAddressField(
        required=False, allow_null=True, help_text="The caller's address."
    )


class VerdictSerializer(serializers.Serializer[Any]):
    """Whether the call may be made, and what it cost."""

    allowed = serializers.BooleanField()
    reason = serializers.CharField(required=False, help_text="Why not; absent when allowed.")
    credits_charged = ExactNumberField()
    credits_remaining = ExactNumberField()
    request_id = serializers.CharField()

    def to_representation(self, instance: Any) -> Any:
        """Without a reason when there is none."""
        shown = super().to_representation(instance)
        return {name: value for name, value in shown.items() if value is not None}


class KeyGroupSerializer(RowSerializer[KeyGroup]):
    """A group of keys with a common policy."""

    group_id = serializers.CharField(
        max_length=64, required=False, help_text="Made here when absent."
    )
    allowed_tools = ToolsField(required=False)
    denied_tools = ToolsField(required=False)
    ip_allowlist = NetworksField(required=False)
    rate_limit_per_min = serializers.IntegerField(
        min_value=0, max_value=10**9, required=False, help_text="0 = that of the source."
    )
    tags = TagsField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """With the mask of any key that was pasted into a text."""
        masked: dict[str, Any] = redacted(attrs)
        return masked

    class Meta:
        model = KeyGroup
        fields: tuple[str, ...] = (
            *("id", "source", "group_id", "name", "description", "is_active", "allowed_tools"),
            *("denied_tools", "ip_allowlist", "rate_limit_per_min", "tags", "created_at"),
        )
        read_only_fields: tuple[str, ...] = ("source", "created_at")
        validators: list[object] = []  # the database says what is unique


class NewKeyGroupSerializer(KeyGroupSerializer):
    """A group to be made."""

    source = serializers.CharField(  # type: ignore[assignment]  # a slug on the way in
        required=False, help_text="Slug; the token's own source, else `default`."
    )

    class Meta(KeyGroupSerializer.Meta):
        read_only_fields: tuple[str, ...] = ("created_at",)


class KeyNoteSerializer(serializers.ModelSerializer[KeyNote]):
    """A remark about a key."""

    text = serializers.CharField(max_length=10_000)

    class Meta:
        model = KeyNote
        fields: tuple[str, ...] = ("id", "key", "at", "author", "text")
        read_only_fields = ("at", "author")


class CreditEntrySerializer(serializers.ModelSerializer[CreditEntry]):
    """A line of a key's ledger; amounts are credits."""

    amount = ExactNumberField(help_text="Signed.")
    balance_before = ExactNumberField()
    balance_after = ExactNumberField()

    class Meta:
        model = CreditEntry
        fields: tuple[str, ...] = (
            *("id", "key", "at", "kind", "amount", "balance_before", "balance_after"),
            *("tool", "memo", "actor", "request_id"),
        )


class UsageEventSerializer(RowSerializer[UsageEvent]):
    """A metered call. `key` is null where it cannot be told which key it was."""

    credits = ExactNumberField()

    class Meta:
        model = UsageEvent
        fields: tuple[str, ...] = (
            *("id", "source", "key", "at", "key_prefix", "key_name", "tool", "credits"),
            *("allowed", "deny_reason", "namespace"),
        )


class KeyActionSerializer(serializers.ModelSerializer[KeyAction]):
    """Something done to a key; `outcome` is what came of it, in the gateway's words if it was."""

    new_key = serializers.CharField(
        read_only=True, help_text="Of a rotation, in full, in one answer only."
    )

    class Meta:
        model = KeyAction
        fields: tuple[str, ...] = (
            *("id", "key", "kind", "params", "actor", "reason", "status", "attempts"),
            *("outcome", "created_at", "finished_at", "new_key"),
        )
