"""Units of figures: what a number in a result means and how JSON, CSV and pages write it.

A result field is annotated with one of the aliases, e.g. `total_volume: Money`. Everything that
shows a figure (JSON, OpenAPI, CSV, tables, docs) reads the unit from there.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, get_args, get_origin

MONEY_DECIMALS = 6


@dataclass(frozen=True)
class Unit:
    """A unit: its name, the sign shown behind a figure, and what it means."""

    name: str
    sign: str
    description: str


COUNT = Unit("count", "", "A whole number of things.")
MONEY = Unit("money", "USD", "US dollars, exact: a string with at least six decimals.")
NATIVE = Unit(
    "native", "", "The network's native coin, exact: a string with at least six decimals."
)
RATIO = Unit("ratio", "", "A share between 0 and 1.")
PERCENT = Unit("percent", "%", "Percent, 0 to 100 for shares; growth may be negative.")
MILLIS = Unit("millis", "ms", "Milliseconds.")
NUMBER = Unit("number", "", "A plain number; money among them is in US dollars.")
CREDITS = Unit("credits", "", "Credits, exact.")
ISO_MS = Unit("iso_ms", "", "A moment, ISO 8601 in UTC with milliseconds.")
EPOCH_MS = Unit("epoch_ms", "", "A moment in milliseconds since 1970-01-01 UTC.")

Count = Annotated[int, COUNT]
Money = Annotated[Decimal, MONEY]
Native = Annotated[Decimal, NATIVE]
Ratio = Annotated[Decimal, RATIO]
Percent = Annotated[Decimal, PERCENT]
Millis = Annotated[Decimal, MILLIS]
Number = Annotated[Decimal, NUMBER]
EpochMs = Annotated[int, EPOCH_MS]
Credits = Annotated[Decimal, CREDITS]
IsoMs = Annotated[datetime, ISO_MS]


@dataclass(frozen=True)
class Omission:
    """Marks a field that is left out, not null, when there is nothing to say."""


OMITTED = Omission()


def is_omitted(annotation: Any) -> bool:
    """Whether the field is left out when it is None: `Annotated[X | None, OMITTED]`."""
    return get_origin(annotation) is Annotated and any(
        isinstance(note, Omission) for note in get_args(annotation)[1:]
    )


def unit_of(annotation: Any) -> Unit | None:
    """The unit in an annotation, None for plain text, dates, lists and nested results."""
    if get_origin(annotation) is Annotated:
        notes = get_args(annotation)
        own = next((note for note in notes[1:] if isinstance(note, Unit)), None)
        return own or unit_of(notes[0])
    options = [arg for arg in get_args(annotation) if arg is not type(None)]
    return unit_of(options[0]) if len(options) == 1 else None


def plain(value: Decimal) -> str:
    """All digits of a decimal without exponent or trailing zeros: 2.500 is "2.5", 1E+3 "1000"."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def money_text(value: Decimal) -> str:
    """A decimal as money: every digit it needs, at least six decimals ("0.000000")."""
    whole, _, fraction = plain(value).partition(".")
    return f"{whole}.{fraction.ljust(MONEY_DECIMALS, '0')}"


def json_number(value: Decimal) -> int | Decimal:
    """A decimal as a JSON number: exact, an integral value without a decimal point."""
    whole = int(value)
    return whole if whole == value else Decimal(plain(value))


def iso_ms(moment: datetime) -> str:
    """2026-02-16T12:00:30.000Z, as JavaScript writes it; finer digits are cut."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
