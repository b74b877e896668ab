"""A report's typed result as tables: nothing here computes a figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from analytics.admin.formats import NUMERIC, heading, label, written
from analytics.serializers import JsonObject, bare_type
from analytics.units import MILLIS, PERCENT, RATIO, Unit, unit_of
from billing.admin.figures import EMPTY

RATES = (PERCENT, RATIO, MILLIS)  # they say nothing when there were no payments
STATED_ABOVE = {"generated_at", "analyzed_at"}  # the page's "As of"
MOST_ROWS = 500  # a browser stays quick; CSV and API have all


@dataclass(frozen=True)
class Column:
    """A column: its heading, and whether figures stand in it."""

    heading: str
    is_number: bool


@dataclass(frozen=True)
class Table:
    """A titled table of written figures; `hidden` rows more are in the CSV."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    hidden: int = 0

    @property
    def cells(self) -> list[list[tuple[str, bool]]]:
        """The rows, each text with whether it is a figure."""
        kinds = [column.is_number for column in self.columns]
        return [list(zip(row, kinds, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class _Member:
    """A field of a result's dataclass, or of one inside it: the names that lead there."""

    path: tuple[str, ...]
    annotation: Any
    unit: Unit | None

    @property
    def name(self) -> str:
        return self.path[-1]

    @property
    def bare(self) -> Any:
        return bare_type(self.annotation)

    @property
    def column(self) -> Column:
        return Column(heading("_".join(self.path), self.unit), self.unit in NUMERIC)

    @property
    def inner(self) -> Any:
        """The dataclass of the rows when it is a list or a mapping of such, else None."""
        last = get_args(self.bare)[-1:]
        return last[0] if last and is_dataclass(last[0]) else None

    def value(self, row: Any) -> Any:
        for name in self.path:
            row = None if row is None else getattr(row, name)
        return row

    def text(self, row: Any, zone: str) -> str:
        return written(self.name, self.value(row), self.unit, zone)


def tables(result: Any, row_type: type, zone: str) -> list[Table]:
    """The result's own figures first, then a table for each list or mapping in it."""
    if isinstance(result, list):
        return _listings("", result, row_type, zone)
    return _of_object("", result, row_type, zone)


def listing(rows: Sequence[Any], shape: type, zone: str, only: Sequence[str]) -> Table:
    """Rows of a list, only the named columns of them."""
    return _of_rows("", rows, [m for m in _members(shape) if m.name in only], zone)


def _members(shape: type, prefix: tuple[str, ...] = ()) -> list[_Member]:
    hints = get_type_hints(shape, include_extras=True)
    return [
        _Member((*prefix, f.name), hints[f.name], unit_of(hints[f.name])) for f in fields(shape)
    ]


def _flat(shape: type, prefix: tuple[str, ...] = ()) -> list[_Member]:
    """The columns of rows of this shape; an object inside gives one for each of its fields."""
    found: list[_Member] = []
    for member in _members(shape, prefix):
        bare = member.bare
        found += (
            _flat(bare, member.path) if isinstance(bare, type) and is_dataclass(bare) else [member]
        )
    return found


def _listings(title: str, rows: Sequence[Any], shape: type, zone: str) -> list[Table]:
    """A table of the rows, and one for each list that a row holds."""
    members = _flat(shape)
    table = _of_rows(title, rows, [m for m in members if m.inner is None], zone)
    inner = [
        found
        for row in rows[:MOST_ROWS]
        for member in members
        if member.inner is not None
        for found in _of_member(member, row, f"{label(member.name)}: {_name(row)}", zone)
    ]
    return [table, *inner]


def _name(row: Any) -> str:
    return str(getattr(row, fields(row)[0].name))


def _of_rows(title: str, rows: Sequence[Any], members: Sequence[_Member], zone: str) -> Table:
    cells = [[member.text(row, zone) for member in members] for row in rows[:MOST_ROWS]]
    columns = [member.column for member in members]
    return Table(title, columns, cells, len(rows) - len(cells))


def _of_object(title: str, result: Any, shape: type, zone: str) -> list[Table]:
    is_empty = getattr(result, "total_payments", None) == 0
    figures: list[list[str]] = []
    objects: list[Table] = []  # before the lists, which may be long
    lists: list[Table] = []
    for member in _members(shape):
        if member.name in STATED_ABOVE:
            continue
        if _is_nested(member):
            place = objects if is_dataclass(member.bare) else lists
            place += _of_member(member, result, label(member.name), zone)
        else:
            hidden = member.unit in RATES and is_empty
            figures.append([member.column.heading, EMPTY if hidden else member.text(result, zone)])
    pairs = Table(title, [Column("Measure", False), Column("Value", True)], figures)
    return ([pairs] if figures else []) + objects + lists


def _is_nested(member: _Member) -> bool:
    bare = member.bare
    return is_dataclass(bare) or bare is JsonObject or get_origin(bare) in (list, dict)


def _of_member(member: _Member, row: Any, title: str, zone: str) -> list[Table]:
    """The tables of one field that is more than a figure."""
    bare, value = member.bare, member.value(row)
    if value is None:
        return []
    if is_dataclass(bare):
        return _of_object(title, value, bare, zone)  # type: ignore[arg-type]  # is_dataclass keeps instances in
    if isinstance(value, Mapping):
        return [_mapping(title, value, member, zone)]
    if member.inner is not None:
        return _listings(title, value, member.inner, zone)
    cells = [[written(member.name, item, None, zone)] for item in value]
    return [Table(title, [Column(title, False)], cells[:MOST_ROWS], len(cells[MOST_ROWS:]))]


def _mapping(title: str, value: Mapping[str, Any], member: _Member, zone: str) -> Table:
    inner = member.inner
    shown = list(value.items())[:MOST_ROWS]
    hidden = len(value) - len(shown)
    if inner is not None:
        columns = _flat(inner)
        rows = [[key or EMPTY, *(m.text(row, zone) for m in columns)] for key, row in shown]
        return Table(title, [Column("Key", False), *(m.column for m in columns)], rows, hidden)
    unit = unit_of(get_args(member.bare)[1]) if get_args(member.bare) else None
    rows = [[key or EMPTY, written("", figure, unit, zone)] for key, figure in shown]
    return Table(title, [Column("Key", False), Column(heading("value", unit), True)], rows, hidden)
