"""The matrix as docs/access.md has it: written, and read back.

Doors that answer every caller alike share a row, by its number; addresses that differ in one word
share a line.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from analytics.doors.callers import Caller
from analytics.doors.knocking import row_of
from analytics.doors.listing import Door, Kind, doors

Matrix = Mapping[str, Mapping[str, str]]  # door, caller, what it gets

BEGIN = "<!-- written by manage.py write_access_matrix; do not edit below -->"
END = "<!-- written until here -->"
WORDS = (3, 5)  # of an address: the model of a page or records of the API, then the action
LINE = re.compile(r"`(\w+) ([^`{]*)(?:\{([^}]*)\}([^`]*))?`")


class Table(NamedTuple):
    """Which doors and callers a table of the paper shows."""

    title: str
    kinds: tuple[Kind, ...]
    is_token: bool


TABLES = (
    Table("Pages, by login", (Kind.PAGE, Kind.LIVE), is_token=False),
    Table("Addresses of programs, by login", (Kind.API,), is_token=False),
    Table("By token", (Kind.API, Kind.LIVE, Kind.PAGE), is_token=True),
)


def callers_at(door: Door, callers: list[Caller]) -> list[Caller]:
    """Who is asked: of the pages only the drop-in ones know tokens, at all others it is 404."""
    takes_tokens = door.kind is not Kind.PAGE or len(door.paths) > 1
    return [caller for caller in callers if takes_tokens or not caller.is_token]


def matrix(callers: list[Caller]) -> dict[str, dict[str, str]]:
    """The whole matrix, by asking at every door."""
    return {str(door): row_of(door, callers_at(door, callers)) for door in doors()}


def text_of(found: Matrix, callers: list[Caller]) -> str:
    """The tables in Markdown."""
    parts = [BEGIN]
    for table in TABLES:
        columns = [caller.name for caller in callers if caller.is_token is table.is_token]
        parts += ["", f"### {table.title}", "", *_table(_shown_in(table, found), columns)]
    return "\n".join([*parts, "", END])


def replaced(paper: str, tables: str) -> str:
    """The paper with these tables instead of those it has. ValueError without their marks."""
    before, begin, rest = paper.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the paper has no place for the matrix")
    return f"{before}{tables}{after}"


def read_back(paper: str) -> dict[str, dict[str, str]]:
    """The matrix that a paper holds."""
    found: dict[str, dict[str, str]] = {}
    rows: dict[str, list[str]] = {}
    for line in paper.partition(BEGIN)[2].partition(END)[0].splitlines():
        first, *cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        rows[first] = cells  # of the table that was begun last; its head is the row "row"
        number, _, listed = line.partition(". ")
        for door in _expanded(listed):
            cells_of = zip(rows["row"], rows[number], strict=True)
            found.setdefault(door, {}).update(cells_of)
    return found


def _shown_in(table: Table, found: Matrix) -> dict[str, Mapping[str, str]]:
    kinds = {str(door): door.kind for door in doors()}
    return {door: row for door, row in found.items() if kinds[door] in table.kinds}


def _table(rows: Mapping[str, Mapping[str, str]], columns: list[str]) -> Iterator[str]:
    alike: dict[tuple[str, ...], list[str]] = {}
    for door, row in rows.items():
        if columns[0] in row:
            alike.setdefault(tuple(row[name] for name in columns), []).append(door)
    numbered = list(enumerate(sorted(alike.items(), key=lambda entry: entry[1]), 1))
    yield f"| row | {' | '.join(columns)} |"
    yield f"|{' --- |' * (len(columns) + 1)}"
    yield from (f"| {number} | {' | '.join(cells)} |" for number, (cells, _) in numbered)
    yield ""
    yield from (f"{number}. {', '.join(_lines(together))}" for number, (_, together) in numbered)


def _lines(together: list[str]) -> Iterator[str]:
    """Addresses as code; those of the same form as one, their words in braces."""
    left = together
    for at in WORDS:
        forms: dict[tuple[str, str], list[str]] = {}
        for door in left:
            forms.setdefault(_around(door, at), []).append(door)
        several = {form: alike for form, alike in forms.items() if len(alike) > 1}
        for (before, after), alike in several.items():
            yield f"`{before}{{{', '.join(door.split('/')[at] for door in alike)}}}{after}`"
        left = [form for alike in forms.values() if len(alike) == 1 for form in alike]
    yield from (f"`{door}`" for door in left)


def _around(door: str, at: int) -> tuple[str, str]:
    """What is before and behind a word of an address; all of it when it has no such word."""
    words = door.split("/")
    if len(words) <= at + 1 or not words[at]:
        return door, ""
    return "/".join([*words[:at], ""]), "/".join(["", *words[at + 1 :]])


def _expanded(cell: str) -> Iterator[str]:
    for method, before, words, after in LINE.findall(cell):
        for word in words.split(", "):
            yield f"{method} {before}{word}{after}"
