"""How a report's figures are written on pages, from the unit of each field."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.html import format_html
from django.utils.safestring import SafeString

from analytics.units import (
    COUNT,
    CREDITS,
    EPOCH_MS,
    ISO_MS,
    MILLIS,
    MONEY,
    NATIVE,
    NUMBER,
    PERCENT,
    RATIO,
    Unit,
)
from billing.admin.figures import EMPTY, code, exact

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
IDENTIFIERS = frozenset({"address", "payer", "payee", "chain_id", "network"})
NUMERIC = (COUNT, MONEY, NATIVE, RATIO, PERCENT, MILLIS, NUMBER, CREDITS)
ACRONYMS = {
    "acl": "ACL",
    "id": "id",
    "ip": "IP",
    "ms": "ms",
    "p50": "P50",
    "p95": "P95",
    "p99": "P99",
    "pct": "percent",
    "usd": "USD",
}


def rounded(value: Decimal, places: int) -> str:
    """Rounded half up to `places`, to more where a non-zero figure would read as zero."""
    for digits in range(places, 13):
        short = value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        if short or not value:
            return exact(short, places)
    return exact(value)


def headline(value: Decimal) -> SafeString:
    """USD to the cent, with every digit on hover."""
    return format_html('<span title="{} USD">{}</span>', exact(value, 2), rounded(value, 2))


def percent(value: Decimal) -> str:
    """Percent to two decimals."""
    return f"{rounded(value, 2)} %"


def millis(value: Decimal) -> str:
    """Milliseconds below ten seconds, seconds above."""
    if abs(value) < 10_000:
        return f"{rounded(value, 0)} ms"
    return f"{rounded(value / 1000, 1)} s"


def moment(epoch_ms: int, zone: str) -> str:
    """Epoch milliseconds as local time with its zone."""
    return local_time(EPOCH + timedelta(milliseconds=epoch_ms), zone)


def local_time(at: datetime, zone: str) -> str:
    """A moment as local time with its zone."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"


WRITERS: dict[Unit, Callable[[Any], str]] = {
    MONEY: lambda value: exact(value, 2),
    NATIVE: exact,
    COUNT: exact,
    NUMBER: exact,
    CREDITS: exact,
    PERCENT: percent,
    RATIO: lambda value: percent(value * 100),
    MILLIS: millis,
}


def written(name: str, value: Any, unit: Unit | None, zone: str) -> str | SafeString:
    """One figure of a result as text; a dash for null."""
    if value is None or value == "":
        return EMPTY
    if unit is EPOCH_MS:
        return moment(value, zone)
    if unit is ISO_MS:
        return local_time(value, zone)
    if isinstance(value, (list, Mapping)):
        return together(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if unit is not None:
        return WRITERS[unit](value)
    if isinstance(value, date):
        return value.isoformat()
    return code(value, keep=10) if name in IDENTIFIERS else str(value)


def together(values: Sequence[Any] | Mapping[str, Any]) -> str:
    """Several values in one place: names with commas, figures behind what they are of."""
    if isinstance(values, Mapping):
        pairs = (f"{key}: {_plain(value)}" for key, value in values.items())
        return ", ".join(pairs) or EMPTY
    return ", ".join(_plain(value) for value in values) or EMPTY


def _plain(value: Any) -> str:
    is_figure = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    return exact(value) if is_figure else str(value)


def label(name: str) -> str:
    """A field's name as words: average_settlement_time is "Average settlement time"."""
    words = [ACRONYMS.get(word, word) for word in name.split("_")]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def heading(name: str, unit: Unit | None) -> str:
    """A column's heading; money says its currency."""
    return f"{label(name)} ({unit.sign})" if unit is MONEY and unit else label(name)
