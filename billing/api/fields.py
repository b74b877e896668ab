"""Exact numbers as text."""

from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

MONEY_PLACES = 6
MAX_DIGITS, MAX_PLACES = 240, 120  # of a `numeric` column, see billing.fields


def money_text(value: Decimal) -> str:
    """All the digits a value has, at least six decimals, never an exponent: `1.500000`."""
    whole, _, decimals = f"{value:f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(MONEY_PLACES, '0')}"


def exact_text(value: Decimal) -> str:
    """All the digits a value has and no more, never an exponent: `21000`, `0.5`."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@extend_schema_field({"type": "string", "format": "decimal", "example": "1.500000"})
class MoneyField(serializers.DecimalField):
    """An amount of tokens or USD: a string with at least six decimals."""

    def __init__(self, **kwargs: Any) -> None:
        """Take whatever the column holds."""
        super().__init__(max_digits=MAX_DIGITS, decimal_places=MAX_PLACES, **kwargs)

    def to_representation(self, value: Decimal) -> str:
        """The text."""
        return money_text(value)

    def quantize(self, value: Decimal) -> Decimal:
        """Keep the value as it was given: no digits are added to reach the bounds."""
        return value


@extend_schema_field({"type": "string", "format": "decimal", "example": "21000"})
class ExactTextField(MoneyField):
    """A quantity in atomic units, gas or a price: a string with exactly its digits."""

    def to_representation(self, value: Decimal) -> str:
        """The text."""
        return exact_text(value)


@extend_schema_field(OpenApiTypes.NUMBER)
class ExactNumberField(serializers.Field[Decimal, Decimal, int | Decimal, Any]):
    """A duration: a JSON number with exactly its digits."""

    def to_representation(self, value: Decimal) -> int | Decimal:
        """A whole number as such."""
        return int(value) if value == value.to_integral_value() else value.normalize()
