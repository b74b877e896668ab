"""A report's typed result as tables: nothing here computes a figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_args, get_type_hints

from analytics.admin.formats import NUMERIC, heading, label, written
from analytics.serializers import bare_type
from analytics.units import MILLIS, PERCENT, RATIO, Unit, unit_of
from billing.admin.figures import EMPTY

RATES = (PERCENT, RATIO, MILLIS)  # they say nothing when there were no payments


@dataclass(frozen=True)
class Column:
    """A column: its heading, and whether figures stand in it."""

    heading: str
    is_number: bool


@dataclass(frozen=True)
class Table:
    """A titled table of written figures."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]

    @property
    def cells(self) -> list[list[tuple[str, bool]]]:
        """The rows, each text with whether it is a figure."""
        kinds = [column.is_number for column in self.columns]
        return [list(zip(row, kinds, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class _Member:
    """One field of a result's dataclass."""

    name: str
    annotation: Any
    unit: Unit | None

    @property
    def column(self) -> Column:
        return Column(heading(self.name, self.unit), self.unit in NUMERIC)


def tables(result: Any, row_type: type, zone: str) -> list[Table]:
    """The result's own figures first, then a table for each list or mapping in it."""
    if isinstance(result, list):
        return [_listing("", result, row_type, zone)]
    return _of_object("", result, row_type, zone)


def listing(rows: Sequence[Any], shape: type, zone: str, only: Sequence[str]) -> Table:
    """Rows of a list, only the named columns of them."""
    return _of_rows("", rows, [m for m in _members(shape) if m.name in only], zone)


def _members(shape: type) -> list[_Member]:
    hints = get_type_hints(shape, include_extras=True)
    return [_Member(f.name, hints[f.name], unit_of(hints[f.name])) for f in fields(shape)]


def _listing(title: str, rows: Sequence[Any], shape: type, zone: str) -> Table:
    return _of_rows(title, rows, _members(shape), zone)


def _of_rows(title: str, rows: Sequence[Any], members: Sequence[_Member], zone: str) -> Table:
    cells = [[written(m.name, getattr(row, m.name), m.unit, zone) for m in members] for row in rows]
    return Table(title, [member.column for member in members], cells)


def _of_object(title: str, result: Any, shape: type, zone: str) -> list[Table]:
    is_empty = getattr(result, "total_payments", None) == 0
    figures: list[list[str]] = []
    nested: list[Table] = []
    for member in _members(shape):
        value = getattr(result, member.name)
        inner = _nested(member, value, zone)
        if inner is None:
            text = (
                EMPTY
                if member.unit in RATES and is_empty
                else written(member.name, value, member.unit, zone)
            )
            figures.append([member.column.heading, text])
        else:
            nested += inner
    pairs = Table(title, [Column("Measure", False), Column("Value", True)], figures)
    return ([pairs] if figures else []) + nested


def _nested(member: _Member, value: Any, zone: str) -> list[Table] | None:
    bare, title = bare_type(member.annotation), label(member.name)
    if is_dataclass(bare):
        return _of_object(title, value, bare, zone) if value is not None else []  # type: ignore[arg-type]  # is_dataclass keeps instances in
    if isinstance(value, Mapping):
        return [_mapping(title, value, get_args(bare)[1], zone)]
    if isinstance(value, list):
        return [_listing(title, value, get_args(bare)[0], zone)]
    return None


def _mapping(title: str, value: Mapping[str, Any], annotation: Any, zone: str) -> Table:
    unit = unit_of(annotation)
    rows = [[key or EMPTY, written("", figure, unit, zone)] for key, figure in value.items()]
    return Table(title, [Column("Key", False), Column(heading("value", unit), True)], rows)
