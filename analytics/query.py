"""One consistent, read-only view of the database, in which a report runs its SQL."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection, transaction
from django.db.utils import DataError, OperationalError
from psycopg.errors import QueryCanceled

from analytics.params import CommonParams, Range
from analytics.problems import ReportTimeout, foreign_source, invalid

Row = TypeVar("Row")

REPORT_MEMORY = "64MB"  # of one sort or hash table: groups by the 100,000 stay out of files

# The one place that says which networks a report counts: registered mainnets, unless asked.
# The row `unknown` is registered and not a testnet.
OPENING = """
select
    coalesce(%(as_of)s::timestamptz, statement_timestamp()) as as_of,
    array(
        select n.chain_id
        from billing_network n
        where ((n.is_registered and not n.is_testnet) or %(include_testnets)s)
          and (%(network)s::text is null or n.chain_id = %(network)s)
        order by n.chain_id
    ) as networks,
    (select s.id from billing_source s where s.slug = %(source)s) as source
"""


@dataclass(frozen=True)
class Scope:
    """What a caller may read: one source by id, or every source (None)."""

    source: int | None = None


EVERYTHING = Scope()


@dataclass(frozen=True)
class Opening:
    """What holds for all statements of a snapshot."""

    as_of: datetime
    networks: list[str]
    source: int | None


class Snapshot:
    """The facts at one moment, limited to what was asked for and what the caller may read.

    `as_of` is the database's clock unless the caller named a moment. `notes` are counts that a
    report states beside its result (payments left out of it, say).
    """

    def __init__(self, params: CommonParams, scope: Scope) -> None:
        """Read the clock and settle which networks and sources count."""
        opening = _opening(params)
        self.as_of = opening.as_of
        self.notes: dict[str, int] = {}
        self._bound: dict[str, Any] = {
            "as_of": opening.as_of,
            "zone": params.tz,
            "networks": opening.networks,
            "sources": _sources(params, opening, scope),
        }

    def fetch(self, row: type[Row], sql: str, **values: Any) -> list[Row]:
        """All rows of a statement, its columns being the dataclass' fields in their order.

        `%(as_of)s`, `%(zone)s`, `%(networks)s` and `%(sources)s` (null = all) are always bound;
        other parameters come from `values`. Raises TypeError when columns and fields differ.
        """
        with connection.cursor() as cursor:
            cursor.execute(sql, self._bound | values)
            _check_columns(row, [column[0] for column in cursor.description or ()])
            return [row(*values) for values in cursor.fetchall()]

    def one(self, row: type[Row], sql: str, **values: Any) -> Row:
        """The only row of a statement."""
        (only,) = self.fetch(row, sql, **values)
        return only

    def note(self, name: str, count: int) -> None:
        """State a count beside the result."""
        self.notes[name] = count


def bounds(span: Range) -> dict[str, datetime | None]:
    """A range as the SQL parameters `start` (null = unbounded) and `end`."""
    return {"start": span.start, "end": span.end}


@contextmanager
def snapshot(params: CommonParams, scope: Scope = EVERYTHING) -> Iterator[Snapshot]:
    """A read-only transaction that sees one state of the database, with a time limit.

    Inside a transaction already begun the isolation level is that one's. Raises ReportTimeout,
    ValidationError for an unknown source and PermissionDenied for one out of scope.
    """
    isolation = "" if connection.in_atomic_block else "isolation level repeatable read"
    with _known_errors(), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"set transaction {isolation} read only")
            # Compiling statements this short takes longer than running them: no jit.
            cursor.execute(
                "select set_config('statement_timeout', %s, true), set_config('jit', 'off', true),"
                " set_config('work_mem', %s, true)",
                [str(settings.PAYGATE_REPORT_TIMEOUT_MS), REPORT_MEMORY],
            )
        yield Snapshot(params, scope)
        # Nothing was written; rolling back also ends READ ONLY and the limit of a savepoint.
        transaction.set_rollback(True)


@contextmanager
def _known_errors() -> Iterator[None]:
    try:
        yield
    except DataError as error:
        if "time zone" in str(error):  # known to Python, not to this PostgreSQL
            raise invalid("tz", "The database does not know this zone.", "invalid_zone") from error
        raise
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise ReportTimeout from error
        raise


def _opening(params: CommonParams) -> Opening:
    with connection.cursor() as cursor:
        cursor.execute(
            OPENING,
            {
                "as_of": params.as_of,
                # of payment reports only
                "include_testnets": getattr(params, "include_testnets", False),
                "network": getattr(params, "network", None),
                "source": params.source,
            },
        )
        return Opening(*cursor.fetchone())


def _sources(params: CommonParams, opening: Opening, scope: Scope) -> list[int] | None:
    if params.source is None:
        return None if scope.source is None else [scope.source]
    if scope.source is not None and opening.source != scope.source:
        raise foreign_source(params.source)
    if opening.source is None:
        raise invalid("source", "There is no such source.", "unknown_source")
    return [opening.source]


def _check_columns(row: type, columns: Sequence[str]) -> None:
    expected = [field.name for field in fields(row)]
    if list(columns) != expected:
        raise TypeError(f"{row.__name__} has {expected}, its SQL gives {list(columns)}")
