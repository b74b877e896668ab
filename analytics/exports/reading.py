"""Rows of an export, streamed: memory does not grow with the data."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

from django.db import connection, transaction
from psycopg.types.string import TextLoader

from analytics.exports.kinds import Kind

AT_ONCE = 5_000
NUMERIC = 1700
TYPES = {16: "bool", 20: "int64", 21: "int64", 23: "int64", NUMERIC: "decimal", 1184: "timestamp"}
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Column:
    """A column: `type` is bool, int64, decimal, timestamp or text."""

    name: str
    type: str


@dataclass(frozen=True)
class Rows:
    """Columns, and the rows of one day after the other; a day without rows is left out."""

    columns: list[Column]
    days: Iterator[tuple[date, Iterator[tuple[Any, ...]]]]


@contextmanager
def reading(kind: Kind, first: date, last: date, source: str | None) -> Iterator[Rows]:
    """The rows of the days from `first` to `last`, both included, as of one moment.

    Decimals come as plain digits. One statement reads them all: it is one snapshot.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("set transaction read only")
        with connection.chunked_cursor() as cursor:
            raw = cursor.cursor
            raw.adapters.register_loader("numeric", TextLoader)
            raw.itersize = AT_ONCE
            cursor.execute(_statement(kind), _bounds(first, last) | {"source": source})
            columns = [Column(c.name, TYPES.get(c.type_code, "text")) for c in raw.description]
            place = [column.name for column in columns].index(kind.time)
            yield Rows(columns, groupby(raw, lambda row: _day(row[place])))
        transaction.set_rollback(True)  # nothing was written


def _statement(kind: Kind) -> str:
    return (
        f"select * from paygate_views.{kind.view}"  # noqa: S608 - from KINDS
        f" where {kind.time} >= %(start)s and {kind.time} < %(end)s"
        " and (%(source)s::text is null or source = %(source)s)"
        f" order by {kind.time}, {kind.key}"
    )


def _bounds(first: date, last: date) -> dict[str, Any]:
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    end = datetime(last.year, last.month, last.day, tzinfo=UTC) + DAY
    return {"start": start, "end": end}


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
