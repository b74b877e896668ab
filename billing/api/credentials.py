"""The shapes of sources and tokens: what is secret goes in and never comes out again."""

from ipaddress import ip_network
from typing import Any

from django.db import transaction
from rest_framework import serializers

from billing.api.serializers import RowSerializer
from billing.models import AdminToken, Source
from billing.sources import adopt_admin_key
from billing.tokens import issue


class SecretField(serializers.CharField):
    """Text that is written and never read back."""

    def __init__(self, **kwargs: Any) -> None:
        """Optional, and write-only."""
        super().__init__(write_only=True, required=False, allow_blank=True, **kwargs)


class SourceSerializer(serializers.ModelSerializer[Source]):
    """A producer of facts. A new signing secret keeps the one before it valid."""

    signing_secret = SecretField(
        max_length=500, help_text="The one it replaces stays valid as the previous one."
    )
    previous_signing_secret = SecretField(
        max_length=500, help_text="Empty ends the validity of the old secret."
    )
    admin_key = SecretField(
        max_length=500,
        help_text="The gateway's own admin key. It becomes a viewer's token of this source.",
    )
    has_signing_secret = serializers.SerializerMethodField()
    has_previous_signing_secret = serializers.SerializerMethodField()
    has_admin_key = serializers.SerializerMethodField()

    class Meta:
        model = Source
        fields: tuple[str, ...] = (
            *("slug", "name", "kind", "base_url", "signing_secret", "previous_signing_secret"),
            *("admin_key", "has_signing_secret", "has_previous_signing_secret"),
            *("has_admin_key", "created_at"),
        )

    def get_has_signing_secret(self, source: Source) -> bool:
        """Whether signed requests are possible."""
        return bool(source.signing_secret)

    def get_has_previous_signing_secret(self, source: Source) -> bool:
        """Whether an older secret is valid too."""
        return bool(source.previous_signing_secret)

    def get_has_admin_key(self, source: Source) -> bool:
        """Whether the gateway can be polled."""
        return bool(source.admin_key)

    @transaction.atomic
    def create(self, validated_data: dict[str, Any]) -> Source:
        """Make it, and its clients' token."""
        source = super().create(validated_data)
        adopt_admin_key(source)
        return source

    @transaction.atomic
    def update(self, instance: Source, validated_data: dict[str, Any]) -> Source:
        """Change what was sent; rotate the secret unless the previous one is given too."""
        validated_data.pop("slug", None)  # facts are found by it
        new = validated_data.get("signing_secret")
        if new and new != instance.signing_secret:
            validated_data.setdefault("previous_signing_secret", instance.signing_secret)
        source = super().update(instance, validated_data)
        if "admin_key" in validated_data or "kind" in validated_data:
            adopt_admin_key(source)
        return source


class TokenSerializer(RowSerializer[AdminToken]):
    """A token of a REST client; the secret is in the answer to its creation only."""

    allowed_networks = serializers.ListField(
        child=serializers.CharField(max_length=64), required=False, help_text="CIDR; empty = any."
    )

    class Meta:
        model = AdminToken
        fields: tuple[str, ...] = (
            *("public_id", "name", "role", "can_ingest", "source", "allowed_networks"),
            *("created_at", "expires_at", "revoked_at", "last_used_at"),
        )
        read_only_fields = ("public_id", "created_at", "revoked_at", "last_used_at")

    def validate_allowed_networks(self, networks: list[str]) -> list[str]:
        """Networks in their canonical form."""
        try:
            return [str(ip_network(network, strict=False)) for network in networks]
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A token that may do nothing is a mistake."""
        if not attrs.get("role") and not attrs.get("can_ingest"):
            raise serializers.ValidationError("Give it a role, or the scope ingest.")
        return attrs


class NewTokenSerializer(TokenSerializer):
    """A token just made, with its secret."""

    token = serializers.CharField(read_only=True, help_text="The secret, shown only now.")

    class Meta(TokenSerializer.Meta):
        fields: tuple[str, ...] = ("token", *TokenSerializer.Meta.fields)

    def create(self, validated_data: dict[str, Any]) -> AdminToken:
        """Make the token; the secret is beside it until the answer is sent."""
        made = AdminToken(**validated_data)
        secret = issue(made)
        made.refresh_from_db()
        made.token = secret  # type: ignore[attr-defined]  # not a column, on purpose
        return made
