"""JSON without loss, identity of events, and times as whole microseconds."""

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


def parse(line: bytes | str) -> dict[str, Any]:
    """One event, its numbers verbatim."""
    event: dict[str, Any] = json.loads(line, parse_int=Number, parse_float=Number)
    return event


def canonical(value: Any) -> str:
    """Sorted keys, no spaces, numbers as they were written."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        items = (f"{canonical(key)}:{canonical(value[key])}" for key in sorted(value))
        return "{" + ",".join(items) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def event_id(event: dict[str, Any]) -> str:
    """The envelope's id, else the hash of type and data."""
    if event.get("id"):
        return str(event["id"])
    content = canonical({"data": event["data"], "type": event["type"]})
    return hashlib.sha256(content.encode()).hexdigest()


def instant(value: Any) -> int:
    """Microseconds since 1970 of epoch milliseconds or an ISO time."""
    if isinstance(value, (Number, int)):
        return int(Decimal(value) * 1000)
    delta = datetime.fromisoformat(str(value).replace("Z", "+00:00")) - EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds


def exact(value: Any) -> Fraction | None:
    """A decimal as written, string or number; nothing for an absent one."""
    return None if value is None or value == "" else Fraction(Decimal(str(value)))


def money(value: Fraction) -> str:
    """A sum of money: at least six decimals, and as many more as it needs."""
    places = 6
    while value.denominator > 1 and (value * 10**places).denominator > 1:
        places += 1
    return _fixed(value, places)


def rounded(value: Fraction) -> str:
    """A quotient of money, half up to six decimals."""
    return _fixed(Fraction(half_up(value * 10**6), 10**6), 6)


def half_up(value: Fraction) -> int:
    """The nearest whole number; halves go away from zero."""
    whole = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return whole if value >= 0 else -whole


def _fixed(value: Fraction, places: int) -> str:
    digits = str(abs(int(value * 10**places))).rjust(places + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"
