"""How figures are written."""

from decimal import Decimal

import pytest

from analytics.units import json_number, money_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0.000000"),
        ("-0", "0.000000"),
        ("12.5", "12.500000"),
        ("1E+3", "1000.000000"),
        ("0.0000001", "0.0000001"),
        ("0.10000000000", "0.100000"),
        ("-3.25", "-3.250000"),
        (str(2**256 - 1), f"{2**256 - 1}.000000"),
    ],
)
def test_money_has_six_decimals_and_as_many_more_as_it_needs(value: str, text: str) -> None:
    assert money_text(Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("2.50", Decimal("2.5")),
        ("3.000", 3),
        ("1E+2", 100),
        ("0.00", 0),
        ("-7.10", Decimal("-7.1")),
    ],
)
def test_a_number_keeps_its_digits_and_loses_its_zeros(value: str, number: int | Decimal) -> None:
    found = json_number(Decimal(value))
    assert (type(found), found) == (type(number), number)
