"""Single values of an event: exact numbers, moments, texts. None and "" mean absent."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from billing.ingest.decode import Rejection

PLAIN = re.compile(r"[0-9]{1,90}(?:\.[0-9]{1,60})?", re.ASCII)
NUMBER = re.compile(r"-?[0-9]{1,120}(?:\.[0-9]{1,120})?(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
WHOLE = re.compile(r"[0-9]{1,90}", re.ASCII)
HEX = re.compile(r"0[xX][0-9a-fA-F]{1,64}", re.ASCII)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
LARGEST_EXPONENT, SMALLEST_EXPONENT = 80, -60  # uint256 has 78 digits
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)  # before it, milliseconds were seconds by mistake
LATEST_SECONDS = 100_000_000_000  # a larger epoch number is milliseconds
END_OF_TIME = datetime(9999, 12, 31, tzinfo=UTC)
LONGEST_DURATION = 10**13  # milliseconds: three centuries, which every calendar can subtract
NAIVE_EPOCH = datetime(1970, 1, 1)  # UTC, written without saying so
EARLIEST_MS = int(EARLIEST.timestamp() * 1000)
TOLERANCE = timedelta(minutes=5)
MILLISECOND = timedelta(milliseconds=1)


def token_of(value: Any, field: str) -> str | None:
    """A number as its text; None when absent. Rejects other types."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value}"
    raise Rejection("bad_number", f"{field} is not a number or a decimal string")


def decimal_text(value: Any, field: str) -> str | None:
    """A number that is not negative as plain digits without trailing zeros; exact."""
    token = token_of(value, field)
    if token is None:
        return None
    if not PLAIN.fullmatch(token):
        token = _plain(token, field)
        if token.startswith("-"):
            raise Rejection("negative_number", f"{field} is negative")
    return _trimmed(token)


def duration_text(value: Any, field: str) -> str | None:
    """Milliseconds, like decimal_text, but a negative number is absent (clock errors)."""
    token = token_of(value, field)
    if token is None:
        return None
    if len(token) <= 12 and token.isascii() and token.isdigit():
        return _trimmed(token)  # what nearly all durations are
    plain = _plain(token, field)
    if plain.startswith("-"):
        return None
    if Decimal(plain) > LONGEST_DURATION:
        raise Rejection("number_out_of_range", f"{field} is too large")
    return _trimmed(plain)


def integer_text(value: Any, field: str) -> str | None:
    """Atomic units: a whole number that is not negative, decimal or 0x-hexadecimal."""
    token = token_of(value, field)
    if token is not None and HEX.fullmatch(token):
        return f"{int(token, 16)}"
    text = decimal_text(value, field)
    if text is not None and "." in text:
        raise Rejection("bad_number", f"{field} is not a whole number")
    return text


def _plain(token: str, field: str) -> str:
    """Plain digits of a number token; bounded, so that no exponent can exhaust memory."""
    if not NUMBER.fullmatch(token):
        raise Rejection("bad_number", f"{field} is not a finite decimal number")
    number = Decimal(token)
    exponent = int(number.as_tuple().exponent)
    if number and not (number.adjusted() <= LARGEST_EXPONENT and exponent >= SMALLEST_EXPONENT):
        raise Rejection("number_out_of_range", f"{field} is too large or too fine")
    return format(number, "f") if number else "0"


def _trimmed(plain: str) -> str:
    text = plain.rstrip("0").rstrip(".") if "." in plain else plain
    text = text.lstrip("0")
    return f"0{text}" if not text or text.startswith(".") else text


def moment(value: Any, field: str, now: datetime) -> str | None:
    """A time as sortable ISO text with microseconds, UTC: epoch milliseconds or ISO 8601.

    Rejects what is before 2015 (seconds sent as milliseconds) or over 5 minutes after `now`.
    """
    if value is None or value == "":
        return None
    if type(value) is int and EARLIEST_MS <= value <= (now - EPOCH) // MILLISECOND:
        whole = NAIVE_EPOCH + timedelta(milliseconds=value)
        return f"{whole.isoformat(timespec='microseconds')}Z"  # what nearly all times are
    instant = _instant(value, field, milliseconds=True)
    if instant < EARLIEST:
        raise Rejection("bad_timestamp", f"{field} is before 2015: are these milliseconds?")
    if instant > now + TOLERANCE:
        raise Rejection("future_timestamp", f"{field} is more than 5 minutes in the future")
    return sortable(instant)


def chain_moment(value: Any, field: str) -> str | None:
    """A time as chains give it: epoch seconds, epoch milliseconds or ISO; any range."""
    if value is None or value == "":
        return None
    return sortable(_instant(value, field, milliseconds=False))


def deadline(value: Any, field: str) -> str | None:
    """Like chain_moment; beyond the calendar (uint256's largest is usual) it never ends."""
    token = token_of(value, field)
    if token is not None and WHOLE.fullmatch(token) and int(token) > END_OF_TIME.timestamp() * 1000:
        return sortable(END_OF_TIME)
    return chain_moment(value, field)


def sortable(instant: datetime) -> str:
    """Fixed-width ISO text in UTC; its order is the order of time."""
    return instant.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _instant(value: Any, field: str, milliseconds: bool) -> datetime:
    token = token_of(value, field) or ""
    try:
        if NUMBER.fullmatch(token):
            number = Decimal(_plain(token, field))
            seconds = not milliseconds and number < LATEST_SECONDS
            return EPOCH + timedelta(microseconds=int(number * (1_000_000 if seconds else 1000)))
        instant = datetime.fromisoformat(token)
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise Rejection("bad_timestamp", f"{field} is neither epoch ms nor ISO 8601") from error


def text(value: Any, field: str, limit: int) -> str | None:
    """A short text without control characters; None when absent or blank."""
    if value is None:
        return None
    if type(value) is str and len(value) <= limit and value.isprintable():
        return value.strip() or None  # printable text has no control characters
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"{value}"
    if not isinstance(value, str):
        raise Rejection("wrong_type", f"{field} is not a string")
    if len(value) > limit:
        raise Rejection("too_long", f"{field} is longer than {limit} characters")
    if CONTROL.search(value):
        raise Rejection("hostile_text", f"{field} has control characters")
    return value.strip() or None
