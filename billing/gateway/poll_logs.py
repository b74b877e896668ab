"""Reading what a gateway keeps in rings: metered calls, request log, audit log.

A cursor is the newest record read: its number, its content and its time, with the start of the
process that wrote it. As long as the gateway still shows that record, nothing was missed. When it
does not, the process was restarted or the ring went round, and what may be missing is put on
record as a gap.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from billing.gateway.batches import Batch
from billing.gateway.exports import read_audit, read_requests, read_usage, store_batch
from billing.gateway.line import Answer, Line, TooLarge
from billing.gateway.records import AuditEntry, LogEntry
from billing.models import GatewayAuditEvent, PollGap, RequestLog, Source

PAGE = 1_000
OVERLAP = timedelta(seconds=60)  # the gateway's clock may have been set back
Cursor = dict[str, Any]
Entry = LogEntry | AuditEntry
RESTARTED = "The gateway restarted. What it wrote after this and before its end is gone, if any."
WENT_ROUND = "The gateway had dropped these before they were read."
TOO_MUCH = "The gateway shows no more than its newest calls: all are too much to be read at once."
NARROWER = (timedelta(days=1), timedelta(hours=1), timedelta(minutes=5))
BEFORE_US = "The gateway had dropped these before the first poll."


@dataclass(frozen=True)
class Ring:
    """A log whose entries are numbered from 1 in each process, shown newest first."""

    path: str
    read: Callable[[bytes, datetime], Batch]
    entries: Callable[[Batch], list[Any]]
    number: Callable[[Any], int]
    column: str
    table: type[RequestLog] | type[GatewayAuditEvent]


REQUESTS = Ring(
    "/requests/export", read_requests, lambda b: b.log, lambda e: e.log_id, "log_id", RequestLog
)
AUDIT = Ring(
    *("/audit/export", read_audit, lambda b: b.audit, lambda e: e.audit_id, "audit_id"),
    GatewayAuditEvent,
)


@dataclass
class _Walk:
    """What a walk from the newest entry back to the cursor saw."""

    newest: Entry | None = None
    oldest: Entry | None = None
    is_joined: bool = False
    has_other: bool = False  # the number of the cursor, with other content


def poll_ring(
    line: Line, source: Source, ring: Ring, cursor: Cursor, started: str
) -> PollGap | None:
    """Read and store what is new, and move `cursor`; the gap, unsaved, if there is one."""
    walk = _walk(line, source, ring, cursor)
    gap = None if walk.is_joined else _ring_gap(source, ring, walk, cursor, started)
    if walk.newest is not None:
        newest = walk.newest
        cursor |= {"id": ring.number(newest), "hash": newest.hash, "at": newest.at}
    elif not walk.is_joined and (gap is not None or "id" not in cursor):
        cursor |= {"id": 0, "hash": ""}
    cursor["started"] = started or cursor.get("started", "")
    return gap


def _walk(line: Line, source: Source, ring: Ring, cursor: Cursor) -> _Walk:
    """Store from the newest entry back to the cursor, or to the end of the ring.

    Entries that are written meanwhile push the others on: some are seen twice, none is left out.
    """
    walk = _Walk()
    offset, size = 0, PAGE
    is_over = False
    while not is_over:
        answer, size = _page(line, ring, offset, size)
        batch = ring.read(answer.body, answer.at)
        entries = ring.entries(batch)
        is_over = batch.read < size
        offset += batch.read
        place = next(
            (n for n, entry in enumerate(entries) if entry.hash == cursor.get("hash")), None
        )
        if place is not None:
            walk.is_joined = is_over = True
            del entries[place:]
        if entries:
            walk.newest, walk.oldest = walk.newest or entries[0], entries[-1]
        walk.has_other |= any(ring.number(entry) == cursor.get("id") for entry in entries)
        store_batch(source, batch)
    return walk


def _page(line: Line, ring: Ring, offset: int, size: int) -> tuple[Answer, int]:
    """A page, and its size: strangers choose texts in the logs, so a full one may be too large."""
    while True:
        try:
            return line.get(ring.path, limit=size, offset=offset), size
        except TooLarge:
            if size == 1:
                raise
            size = max(size // 10, 1)


def _ring_gap(
    source: Source, ring: Ring, walk: _Walk, cursor: Cursor, started: str
) -> PollGap | None:
    """What lies between the cursor and the oldest entry that is left, less what is known of it."""
    last, first = cursor.get("id", 0), ring.number(walk.oldest) if walk.oldest else 0
    is_restart = "id" in cursor and _is_restarted(ring, walk, cursor, started)
    low = 1 if is_restart else last + 1
    span = _Span(_time(cursor.get("at")), _time(walk.oldest.at if walk.oldest else started))
    missing = max(first - low, 0)
    if missing:
        missing = max(missing - span.known(source, ring, low, first - 1), 0)
    if not missing and not is_restart:
        return None
    reason = RESTARTED if is_restart else WENT_ROUND if "id" in cursor else BEFORE_US
    return span.gap(source, ring.path, missing or None, reason)


def _is_restarted(ring: Ring, walk: _Walk, cursor: Cursor, started: str) -> bool:
    before = cursor.get("started", "")
    if started and before and started != before:
        return True
    if walk.newest is None:
        return cursor["id"] > 0 and not started
    return walk.has_other or ring.number(walk.newest) < cursor["id"]


@dataclass(frozen=True)
class _Span:
    """From the last record that was read to the first one after the gap, where known."""

    after: datetime | None
    before: datetime | None

    def known(self, source: Source, ring: Ring, low: int, high: int) -> int:
        """How many entries of these numbers came another way."""
        rows = ring.table._default_manager.filter(
            source=source, **{f"{ring.column}__range": (low, high)}
        )
        if self.after is not None:  # numbers from 1 are of a later process than the last record
            rows = rows.filter(**{"at__gt" if low == 1 else "at__gte": self.after})
        if self.before is not None:
            rows = rows.filter(at__lte=self.before)
        return rows.count()

    def gap(self, source: Source, resource: str, missing: int | None, reason: str) -> PollGap:
        """A row for it, not saved."""
        return PollGap(
            source=source,
            resource=resource.strip("/").partition("/")[0],
            after=self.after,
            before=self.before,
            missing=missing,
            reason=reason,
        )


def poll_usage(line: Line, source: Source, cursor: Cursor, started: str) -> PollGap | None:
    """Read and store the metered calls since the cursor and a minute more; as poll_ring."""
    answer, is_whole = _metered(line, _time(cursor.get("at")))
    batch = read_usage(answer.body, answer.at)
    store_batch(source, batch)
    gap = _usage_gap(source, batch, cursor, started, is_whole)
    if batch.calls:
        cursor |= {"hash": batch.calls[-1].hash, "at": batch.calls[-1].at}
    elif gap is not None:
        cursor["hash"] = ""
    cursor["started"] = started or cursor.get("started", "")
    return gap


def _metered(line: Line, last: datetime | None) -> tuple[Answer, bool]:
    """What was metered since `last`, and whether that is all: of too much, the newest part."""
    try:
        since = {"since": _written(last - OVERLAP)} if last else {}
        return line.get("/usage", **since), True
    except TooLarge as error:
        whole = error
    for span in NARROWER:
        try:
            return line.get("/usage", since=_written(datetime.now(UTC) - span)), False
        except TooLarge as error:
            whole = error
    raise whole


def _usage_gap(
    source: Source, batch: Batch, cursor: Cursor, started: str, is_whole: bool
) -> PollGap | None:
    before = cursor.get("started", "")
    is_restart = bool(started and before and started != before)
    known = cursor.get("hash", "")
    is_joined = any(call.hash == known for call in batch.calls)
    if is_joined or (not known and is_whole and not is_restart):
        return None
    reason = WENT_ROUND if batch.calls and started and not is_restart else RESTARTED
    reason = reason if is_whole else TOO_MUCH
    span = _Span(_time(cursor.get("at")), _time(batch.calls[0].at if batch.calls else started))
    return span.gap(source, "/usage", None, reason)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _written(moment: datetime) -> str:
    """As gateways write time: they compare it as text."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
