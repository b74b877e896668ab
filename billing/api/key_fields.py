"""Fields of keys: credits, tags, limits, networks."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.api.fields import ExactNumberField
from billing.keys import values

CREDIT_DIGITS, CREDIT_PLACES = 24, 9
LONGEST_TOOL = 1_000
MOST_ITEMS = 1_000


@extend_schema_field(OpenApiTypes.NUMBER)
class CreditsField(serializers.DecimalField):
    """An amount of credits: a JSON number with exactly its digits."""

    def __init__(self, **kwargs: Any) -> None:
        """Up to 15 digits before the point and 9 after it."""
        super().__init__(max_digits=CREDIT_DIGITS, decimal_places=CREDIT_PLACES, **kwargs)

    def to_representation(self, value: Decimal) -> int | Decimal:  # type: ignore[override]  # a number, not text
        """A whole number as such."""
        return ExactNumberField().to_representation(value)

    def quantize(self, value: Decimal) -> Decimal:
        """Keep the value as it was given."""
        return value


class CheckedField(serializers.JSONField):
    """A JSON value that a function of billing.keys.values accepts."""

    def __init__(self, check: Callable[[Any], Any], **kwargs: Any) -> None:
        """`check` returns the value as stored, or raises ValueError."""
        self.check = check
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Any:
        """The value as it is stored."""
        return checked(self.check, data)

    def to_representation(self, value: Any) -> Any:
        """The object."""
        return value


def checked(check: Callable[[Any], Any], data: Any) -> Any:
    """What `check` makes of the data; ValidationError where it raises ValueError."""
    try:
        return check(data)
    except ValueError as error:
        raise serializers.ValidationError(str(error)) from error


@extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
class TagsField(CheckedField):
    """Names and texts."""

    def __init__(self, **kwargs: Any) -> None:
        """At most 50."""
        super().__init__(values.checked_tags, **kwargs)


QUOTA = {
    "type": "object",
    "nullable": True,
    "properties": {name: {"type": "integer", "minimum": 0} for name in values.LIMITS},
}


@extend_schema_field(QUOTA)
class QuotaField(CheckedField):
    """Limits a UTC day and month; null = those of the source."""

    def __init__(self, **kwargs: Any) -> None:
        """Null is allowed."""
        super().__init__(values.checked_quota, allow_null=True, **kwargs)


class NetworksField(serializers.ListField):
    """CIDR networks; empty = any address."""

    child = serializers.CharField(max_length=64)

    def to_internal_value(self, data: Any) -> list[str]:
        """Networks in their canonical form."""
        networks: list[str] = checked(values.checked_networks, super().to_internal_value(data))
        return networks


class ToolsField(serializers.ListField):
    """Names of tools."""

    child = serializers.CharField(max_length=LONGEST_TOOL, trim_whitespace=False)

    def __init__(self, **kwargs: Any) -> None:
        """At most 1,000."""
        super().__init__(max_length=MOST_ITEMS, **kwargs)


class NamespaceField(serializers.CharField):
    """a-z, 0-9 and -."""

    def to_internal_value(self, data: Any) -> str:
        """The namespace."""
        text: str = checked(values.checked_namespace, super().to_internal_value(data))
        return text
