"""Rows of an export, streamed: memory does not grow with the data."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

from django.db import connection, transaction
from psycopg.types.string import TextLoader

from analytics.exports.kinds import DAY, Kind
from analytics.params import INSTANT

AT_ONCE = 5_000
STALLED_SECONDS = 60
NUMERIC = 1700
TYPES = {16: "bool", 20: "int64", 21: "int64", 23: "int64", NUMERIC: "decimal", 1184: "timestamp"}
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Wanted:
    """Rows of a kind: of the days from `first` to `last`, both included, of one source or all.

    Nothing later than `as_of`, and no statistic that was not over then.
    """

    kind: Kind
    first: date
    last: date
    as_of: datetime
    source: str | None = None

    @property
    def bounds(self) -> dict[str, Any]:
        """The half-open range of the kind's time, and the source."""
        ceiling = self.as_of - self.kind.length + INSTANT
        end = min(_midnight(self.last) + DAY, ceiling)
        return {"start": _midnight(self.first), "end": end, "source": self.source}


@dataclass(frozen=True)
class Column:
    """A column: `type` is bool, int64, decimal, timestamp or text."""

    name: str
    type: str


@dataclass(frozen=True)
class Rows:
    """Columns, and every row in the order of its time."""

    columns: list[Column]
    rows: Iterator[Row]
    place: int  # of the time in a row

    def by_day(self) -> Iterator[tuple[date, Iterator[Row]]]:
        """One day after the other; a day without rows is left out."""
        return groupby(self.rows, lambda row: _day(row[self.place]))


def database_now() -> datetime:
    """The only clock."""
    with connection.cursor() as cursor:
        cursor.execute("select statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


@contextmanager
def reading(wanted: Wanted) -> Iterator[Rows]:
    """The rows wanted. One statement reads them all: it is one snapshot.

    Decimals come as plain digits. A reader that stops for a minute loses the connection, since an
    open snapshot keeps the database from clearing up.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("set transaction read only")
            limit = timedelta(seconds=STALLED_SECONDS) // timedelta(milliseconds=1)
            cursor.execute(f"set local idle_in_transaction_session_timeout = {limit}")
        with connection.chunked_cursor() as cursor:
            raw = cursor.cursor
            raw.adapters.register_loader("numeric", TextLoader)
            raw.itersize = AT_ONCE
            cursor.execute(_statement(wanted.kind), wanted.bounds)
            columns = [Column(c.name, TYPES.get(c.type_code, "text")) for c in raw.description]
            place = [column.name for column in columns].index(wanted.kind.time)
            yield Rows(columns, iter(raw), place)
        transaction.set_rollback(True)  # nothing was written


def _statement(kind: Kind) -> str:
    return (
        f"select * from paygate_views.{kind.view}"  # noqa: S608 - from KINDS
        f" where {kind.time} >= %(start)s and {kind.time} < %(end)s"
        " and (%(source)s::text is null or source = %(source)s)"
        f" order by {kind.time}, {kind.key}"
    )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
