"""What each of a gateway's ledgers has that another lacks.

The usage meter, the request log and the key records of a gateway disagree by design, and so do the
webhook and the exports of the meter when one of them lost something. Nothing is mended here: each
ledger stays as it is, and this says where they differ. Counts only; a call cannot be followed
from one ledger to another, since they share no id.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection, transaction

from billing.gateway import reconcile_sql as sql
from billing.models import ApiKey, PollGap, Source

T = TypeVar("T")
MOST_ROWS = 100


@dataclass(frozen=True)
class Ways:
    """The usage meter, as delivered by webhook and as exported, where both cover the time."""

    first: datetime | None
    last: datetime | None
    by_both: int
    only_by_webhook: int
    only_by_export: int


@dataclass(frozen=True)
class WaysHour:
    """An hour (UTC) in which a way lacks calls."""

    hour: datetime
    only_by_webhook: int
    only_by_export: int


@dataclass(frozen=True)
class Ledgers:
    """Allowed calls in the meter and in the request log, where both cover the time."""

    first: datetime | None
    last: datetime | None
    in_both: int
    only_metered: int
    only_logged: int
    of_no_known_mask: int


@dataclass(frozen=True)
class KeyHour:
    """A key's hour (UTC) in which the meter and the request log differ."""

    key: str
    hour: datetime
    metered: int
    logged: int


@dataclass(frozen=True)
class Totals:
    """The totals of key records against their calls: what the records have more, in sum."""

    keys: int
    differing: int
    spent_without_calls: Decimal
    calls_missing: int


@dataclass(frozen=True)
class KeyTotals:
    """A key whose record and calls differ."""

    key: str
    name: str
    spent: Decimal
    spent_by_calls: Decimal
    calls: int
    calls_counted: int


@dataclass(frozen=True)
class Ambiguous:
    """A key that looks like another one in what was received."""

    key: str
    prefix: str
    name: str


@dataclass(frozen=True)
class Gap:
    """What a gateway had dropped, or may have, before it was read."""

    resource: str
    after: datetime | None
    before: datetime | None
    missing: int | None
    reason: str


@dataclass(frozen=True)
class Reconciliation:
    """All of it; each list has at most 100 rows, the largest differences or the newest."""

    ways: Ways
    ways_hours: list[WaysHour]
    ledgers: Ledgers
    key_hours: list[KeyHour]
    totals: Totals
    key_totals: list[KeyTotals]
    ambiguous: list[Ambiguous]
    gaps: list[Gap]


def reconcile(source: Source, days: int = 30) -> Reconciliation:
    """Compare the ledgers of a gateway over the last days; key records over all time.

    OperationalError when it takes longer than a report may.
    """
    given = {"source": source.pk, "days": days, "rows": MOST_ROWS}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"set local statement_timeout = {settings.PAYGATE_REPORT_TIMEOUT_MS:d}")

        def fetched(row: type[T], calls: str, statement: str) -> list[T]:
            cursor.execute(calls + statement, given)
            return [row(*values) for values in cursor.fetchall()]

        return Reconciliation(
            ways=fetched(Ways, sql.SEEN, sql.WAYS)[0],
            ways_hours=fetched(WaysHour, sql.SEEN, sql.HOURS),
            ledgers=fetched(Ledgers, sql.LEDGER_CALLS, sql.LEDGERS)[0],
            key_hours=fetched(KeyHour, sql.LEDGER_CALLS, sql.KEY_HOURS),
            totals=fetched(Totals, sql.KEY_RECORDS, sql.TOTALS)[0],
            key_totals=fetched(KeyTotals, sql.KEY_RECORDS, sql.KEY_TOTALS),
            ambiguous=_ambiguous(source),
            gaps=_gaps(source),
        )


def _ambiguous(source: Source) -> list[Ambiguous]:
    rows = ApiKey.objects.filter(source=source, is_ambiguous=True).order_by("mask", "prefix", "id")
    return [Ambiguous(*row) for row in rows.values_list("mask", "prefix", "name")[:MOST_ROWS]]


def _gaps(source: Source) -> list[Gap]:
    rows = PollGap.objects.filter(source=source).order_by("-id")
    names = [column.name for column in fields(Gap)]
    return [Gap(*row) for row in rows.values_list(*names)[:MOST_ROWS]]


@dataclass(frozen=True)
class Table:
    """A part of it to be shown: what it means, and its rows under their headings."""

    title: str
    meaning: str
    headings: list[str]
    rows: list[list[Any]]


def tables(found: Reconciliation) -> list[Table]:
    """The parts in order, for people."""
    return [
        _table("Webhook and exports", Ways, [found.ways]),
        _table("Hours in which one of them lacks calls", WaysHour, found.ways_hours),
        _table("Meter and request log", Ledgers, [found.ledgers]),
        _table("Keys and hours in which they differ", KeyHour, found.key_hours),
        _table("Key records and calls", Totals, [found.totals]),
        _table("Keys that differ", KeyTotals, found.key_totals),
        _table("Keys that look alike", Ambiguous, found.ambiguous),
        _table("Gaps", Gap, found.gaps),
    ]


def _table(title: str, kind: type[Any], rows: list[Any]) -> Table:
    names = [column.name for column in fields(kind)]
    headings = [name.replace("_", " ").capitalize() for name in names]
    values = [[_shown(getattr(row, name)) for name in names] for row in rows]
    return Table(title, kind.__doc__ or "", headings, values)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)
