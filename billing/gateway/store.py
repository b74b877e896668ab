"""Storing what gateways sent or exported: set-based, in any order, any number of times.

Every function is one transaction; it takes the source's lock first, so that concurrent
deliveries of one gateway queue up. docs/gateways.md says what each way contributes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from billing.gateway import sql
from billing.gateway.key_records import GroupRecord, KeyRecord
from billing.gateway.records import AdminEvent, AuditEntry, Call, LogEntry


@contextmanager
def writing(source: int) -> Iterator[CursorWrapper]:
    """A cursor in a transaction, the caller's if there is one, that holds the source's lock."""
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(sql.LOCK, [source % (1 << 31)])
        yield cursor


def store_delivered(source: int, calls: Sequence[Call], events: Sequence[AdminEvent]) -> None:
    """What a webhook delivered; `times` says how often it counts."""
    with writing(source) as cursor:
        new = _store_calls(cursor, source, calls, sql.SEE_BY_WEBHOOK)
        _of_calls(cursor, sql.CLAIM_CALLS, new)
        touched = _of_calls(cursor, sql.ADD, new)
        touched |= _store_events(cursor, source, events)
        _settle(cursor, touched)


def store_exported_calls(source: int, calls: Sequence[Call]) -> int:
    """What an export of the usage meter shows; how many calls were new."""
    with writing(source) as cursor:
        new = _store_calls(cursor, source, calls, sql.SEE_BY_EXPORT)
        _settle(cursor, _of_calls(cursor, sql.CLAIM_CALLS, new))
        return len(new)


def store_keys(source: int, keys: Sequence[KeyRecord], at: datetime) -> None:
    """Key records as they were `at` that moment; the newest record of a key stands."""
    if not keys:
        return
    with writing(source) as cursor:
        rows = encoded([msgspec.structs.asdict(key) | {"n": n} for n, key in enumerate(keys)])
        values: dict[str, Any] = {"source": source, "at": at, "rows": rows}
        cursor.execute(sql.STORE_KEYS, values)
        found = cursor.fetchall()
        cursor.execute(sql.INSERT_NOTES, values)
        touched = {key for key, _ in found}
        touched |= _claim(cursor, source, {stem for _, stem in found if stem})
        _settle(cursor, touched)


def store_groups(source: int, groups: Sequence[GroupRecord], at: datetime) -> None:
    """Group records as they were `at` that moment."""
    _insert(sql.GROUPS, source, groups, at=at)


def store_log(source: int, entries: Sequence[LogEntry]) -> int:
    """Entries of the request log; how many were new."""
    return _insert(sql.INSERT_LOG, source, entries)


def store_audit(source: int, entries: Sequence[AuditEntry]) -> int:
    """Entries of the audit log; how many were new."""
    return _insert(sql.INSERT_AUDIT, source, entries)


def placed(calls: Iterable[Call]) -> list[Call]:
    """The calls, each with its place among those of its millisecond."""
    seen: Counter[str] = Counter()
    result = []
    for call in calls:
        call.place = seen[call.at]
        seen[call.at] += 1
        result.append(call)
    return result


def _insert(statement: str, source: int, rows: Sequence[Any], **values: Any) -> int:
    if not rows:
        return 0
    with writing(source) as cursor:
        given: dict[str, Any] = {"source": source, "rows": encoded(rows), **values}
        cursor.execute(statement, given)
        return int(cursor.rowcount)


def _store_calls(cursor: CursorWrapper, source: int, calls: Sequence[Call], see: str) -> list[int]:
    """The calls that are new."""
    if not calls:
        return []
    values: dict[str, Any] = {"source": source, "rows": encoded(calls)}
    cursor.execute(see, values)
    cursor.execute(sql.INSERT_CALLS, values)
    new = [call for (call,) in cursor.fetchall()]
    cursor.execute(sql.PLACE_CALLS, values)
    return new


def _store_events(cursor: CursorWrapper, source: int, events: Sequence[AdminEvent]) -> set[int]:
    if not events:
        return set()
    values: dict[str, Any] = {"source": source, "rows": encoded(events)}
    cursor.execute(sql.INSERT_EVENTS, values)
    cursor.execute(sql.NAME_MASKS, values)
    cursor.execute(sql.BEAR_KEYS, values)
    stems = {stem for (stem,) in cursor.fetchall()}
    touched = _claim(cursor, source, stems)
    cursor.execute(sql.TOUCHED_BY_EVENTS, values)
    return touched | {key for (key,) in cursor.fetchall()}


def _claim(cursor: CursorWrapper, source: int, stems: set[str]) -> set[int]:
    """Find the keys of all calls whose keys begin so; the keys that changed."""
    if not stems:
        return set()
    cursor.execute(sql.CLAIM_USAGE, {"source": source, "stems": sorted(stems)})
    return {key for (key,) in cursor.fetchall()}


def _of_calls(cursor: CursorWrapper, statement: str, calls: Sequence[int]) -> set[int]:
    """The keys that a statement about new calls returns."""
    if not calls:
        return set()
    cursor.execute(statement, {"calls": list(calls)})
    return {key for (key,) in cursor.fetchall()}


def _settle(cursor: CursorWrapper, keys: set[int]) -> None:
    if keys:
        cursor.execute(sql.SETTLE, {"ids": sorted(keys)})


def encoded(rows: Sequence[Any]) -> str:
    """Rows as the JSON parameter of one statement."""
    return msgspec.json.encode(rows).decode()
