"""Columns of lists and forms, declared in one line each."""

from collections.abc import Callable
from typing import Any

from billing.admin import figures

Column = Callable[[Any, Any], Any]


def column(label: str, render: Callable[[Any], Any]) -> Column:
    """A read-only column named `label` that shows `render(row)`."""

    def show(_admin: Any, row: Any) -> Any:
        return render(row)

    show.short_description = label  # type: ignore[attr-defined]  # how the admin names a column
    return show


def moment(label: str, field: str) -> Column:
    """A time in UTC."""
    return column(label, lambda row: figures.moment(getattr(row, field)))


def listed_moment(label: str, field: str) -> Column:
    """A time to the second, for lists."""
    return column(f"{label} (UTC)", lambda row: figures.second(getattr(row, field)))


def usd(label: str, field: str) -> Column:
    """A USD value, or "unpriced"."""
    return column(label, lambda row: figures.usd(getattr(row, field)))


def number(label: str, field: str) -> Column:
    """A plain number, all digits."""
    return column(label, lambda row: figures.exact(getattr(row, field)))


def millis(label: str, field: str) -> Column:
    """A duration in milliseconds."""
    return column(label, lambda row: figures.millis(getattr(row, field)))


def code(label: str, field: str, keep: int = 0) -> Column:
    """An identifier, shortened in lists."""
    return column(label, lambda row: figures.code(getattr(row, field), keep))


def coins(label: str, field: str) -> Column:
    """Atomic units of the row's network's native coin, shown as coins."""

    def render(row: Any) -> str:
        network = row.network
        return figures.native(getattr(row, field), network.native_symbol, network.native_decimals)

    return column(label, render)


def badge(label: str, field: str, colours: dict[str, str]) -> Column:
    """A choice as a coloured label; the text alone says everything."""
    show = column(label, lambda row: getattr(row, f"get_{field}_display")())
    show.label = colours  # type: ignore[attr-defined]  # how unfold colours a label
    return show


def fields_of(fieldsets: Any) -> list[str]:
    """The names in a `fieldsets` declaration, rows flattened."""
    return [
        name
        for _, options in fieldsets
        for row in options["fields"]
        for name in ([row] if isinstance(row, str) else row)
    ]
