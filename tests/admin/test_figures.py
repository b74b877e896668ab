"""Figures on pages are exact and never read as zero when they are not."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from analytics.admin import formats
from billing.admin import figures


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("1234567.5"), "1,234,567.50 USD"),
        (Decimal("0.000001"), "0.000001 USD"),
        (Decimal("0"), "0.00 USD"),
        (Decimal("1E+3"), "1,000.00 USD"),
        (Decimal("-0.0100"), "-0.01 USD"),
        (None, "unpriced"),
    ],
)
def test_usd_shows_every_digit(value: Decimal | None, shown: str) -> None:
    assert figures.usd(value) == shown


def test_the_largest_amount_keeps_all_its_digits() -> None:
    assert figures.exact(Decimal(2**256 - 1)) == f"{2**256 - 1:,}"


def test_gas_is_shown_in_coins_and_in_atomic_units_while_decimals_are_unknown() -> None:
    assert figures.native(Decimal(21_000_000_000_000), "ETH", 18) == "0.000021 ETH"
    assert figures.native(Decimal(5_000), "", None) == "5,000 atomic units"
    assert figures.native(None, "ETH", 18) == "-"


def test_a_time_says_its_zone() -> None:
    at = datetime(2026, 3, 10, 12, 0, 0, 250_000, tzinfo=UTC)
    assert figures.moment(at) == "2026-03-10 12:00:00.250 UTC"
    assert figures.moment(None) == "-"


def test_an_identifier_is_escaped() -> None:
    assert "<b>" not in figures.code('<b>"x"')


@pytest.mark.parametrize(
    ("value", "shown"),
    [("12.345", "12.35"), ("0.004", "0.004"), ("0", "0.00"), ("1234.5", "1,234.50")],
)
def test_a_headline_rounds_half_up_but_never_to_zero(value: str, shown: str) -> None:
    assert formats.rounded(Decimal(value), 2) == shown
    assert f">{shown}<" in formats.headline(Decimal(value))


def test_milliseconds_become_seconds_from_ten_seconds_on() -> None:
    assert formats.millis(Decimal("9999")) == "9,999 ms"
    assert formats.millis(Decimal("12345")) == "12.3 s"
