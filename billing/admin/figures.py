"""How figures, times and identifiers are written on pages: exact, with separators and unit."""

from datetime import UTC, datetime
from decimal import Decimal

from django.utils.html import format_html
from django.utils.safestring import SafeString

EMPTY = "-"


def exact(value: Decimal | int | None, places: int = 0) -> str:
    """All digits of a number with thousands separators, at least `places` decimals; dash if None.

    Nothing is rounded, so a non-zero figure never reads as zero.
    """
    if value is None:
        return EMPTY
    text = f"{Decimal(value):,f}"
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0").ljust(places, "0")
    return f"{whole}.{fraction}" if fraction else whole


def usd(value: Decimal | None) -> str:
    """USD with at least two decimals, or the word "unpriced" when there is no price."""
    return "unpriced" if value is None else f"{exact(value, 2)} USD"


def bare_usd(amount: Decimal | None, value: Decimal | None) -> str:
    """As `priced`, for lists whose heading says USD."""
    return exact(value, 2) if value is not None else priced(amount, value)


def priced(amount: Decimal | None, value: Decimal | None) -> str:
    """The USD value of an amount; a dash when there is no amount to price."""
    return EMPTY if amount is None and value is None else usd(value)


def tokens(value: Decimal | None, symbol: str | None) -> str:
    """An amount in token units with its symbol; a dash when the amount is not known."""
    if value is None:
        return EMPTY
    name = symbol or ""
    short = f"{name[:6]}…{name[-4:]}" if len(name) > 16 else name  # an address, not a symbol
    return f"{exact(value, 2)} {short}".rstrip()


def native(atomic: Decimal | None, symbol: str, decimals: int | None) -> str:
    """Atomic units of a native coin as coins (0.000021 ETH); atomic while decimals are unknown."""
    if atomic is None:
        return EMPTY
    if decimals is None:
        return f"{exact(atomic)} atomic units"
    return f"{exact(scaled(atomic, decimals))} {symbol}".rstrip()


def scaled(atomic: Decimal, decimals: int) -> Decimal:
    """`atomic` / 10^decimals without rounding, whatever the context's precision."""
    sign, digits, exponent = atomic.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{atomic} is not a finite amount")
    return Decimal((sign, digits, exponent - decimals))


def millis(value: Decimal | None) -> str:
    """A duration in milliseconds with its unit."""
    return EMPTY if value is None else f"{exact(value)} ms"


def moment(value: datetime | None) -> str:
    """A time in UTC to the millisecond; whole seconds without fraction."""
    if value is None:
        return EMPTY
    utc = value.astimezone(UTC)
    spec = "milliseconds" if utc.microsecond else "seconds"
    return f"{utc.replace(tzinfo=None).isoformat(sep=' ', timespec=spec)} UTC"


def second(value: datetime | None) -> str:
    """A time in UTC to the second, for lists whose heading says UTC."""
    return EMPTY if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def code(text: str | None, keep: int = 0) -> SafeString | str:
    """An identifier, fixed-width; shortened to `keep` characters a side, whole on hover."""
    if not text:
        return EMPTY
    short = f"{text[:keep]}…{text[-keep:]}" if keep and len(text) > 2 * keep + 3 else text
    return format_html(
        '<code class="pg-code{}" title="{}">{}</code>', " pg-short" if keep else "", text, short
    )
