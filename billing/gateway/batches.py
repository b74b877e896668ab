"""What a file or an answer of a gateway says, understood and without secrets, to be stored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from billing.gateway import store
from billing.gateway.key_records import GroupRecord, KeyRecord
from billing.gateway.records import AuditEntry, Call, LogEntry
from billing.gateway.settings import Settings, store_settings
from billing.ingest.door import quarantine
from billing.models import ApiKey, KeyGroup, Source

T = TypeVar("T")
CHUNK = 5_000
REFUSED_CHUNK = 500
SHOWN_DETAILS = 5


class Refused(msgspec.Struct):
    """A record that could not be understood, without its secrets, and why."""

    place: int
    body: bytes
    code: str
    detail: str


class Batch(msgspec.Struct):
    """The records of one file. `at` is when its keys and groups were so."""

    at: datetime | None = None
    keys: list[KeyRecord] = []
    groups: list[GroupRecord] = []
    calls: list[Call] = []
    log: list[LogEntry] = []
    audit: list[AuditEntry] = []
    settings: Settings | None = None
    refused: list[Refused] = []

    @property
    def read(self) -> int:
        """How many records the file held."""
        parts = (self.keys, self.groups, self.calls, self.log, self.audit, self.refused)
        return sum(len(part) for part in parts) + (self.settings is not None)

    def details(self) -> list[str]:
        """Why the first records that could not be understood were refused."""
        return [f"item {item.place}: {item.detail}"[:200] for item in self.refused[:SHOWN_DETAILS]]


@dataclass(frozen=True)
class Chunk:
    """So many records and what stores them: one transaction, which says how many were new."""

    size: int
    store: Callable[[Source], int]


def chunks(batch: Batch) -> list[Chunk]:
    """All of a batch in the order of storing; the same cuts whenever it is asked."""
    at = batch.at or datetime.now(UTC)
    found = []
    if batch.settings is not None:
        settings = batch.settings
        found.append(Chunk(1, lambda source: store_settings(source, settings)))
    if batch.groups:
        found.append(Chunk(len(batch.groups), lambda s: _store_groups(s, batch.groups, at)))
    found += _each(_cut(batch.keys, CHUNK), lambda s, part: _store_keys(s, part, at))
    found += _each(
        _cut_by_moment(batch.calls), lambda s, part: store.store_exported_calls(s.pk, part)
    )
    found += _each(_cut(batch.log, CHUNK), lambda s, part: store.store_log(s.pk, part))
    found += _each(_cut(batch.audit, CHUNK), lambda s, part: store.store_audit(s.pk, part))
    return found + _each(_cut(batch.refused, REFUSED_CHUNK), _keep_refused)


def _each(parts: list[list[T]], storing: Callable[[Source, list[T]], int]) -> list[Chunk]:
    def stores(part: list[T]) -> Callable[[Source], int]:
        return lambda source: storing(source, part)

    return [Chunk(len(part), stores(part)) for part in parts]


def _cut(rows: list[T], size: int) -> list[list[T]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _cut_by_moment(calls: list[Call]) -> list[list[Call]]:
    """Equal calls must be counted within one export, so they may not fall into two chunks.

    An export is out of order where the gateway's clock was set back.
    """
    parts: list[list[Call]] = [[]]
    for call in sorted(calls, key=lambda call: call.at):
        if len(parts[-1]) >= CHUNK and parts[-1][-1].at != call.at:
            parts.append([])
        parts[-1].append(call)
    return parts if calls else []


def _store_keys(source: Source, keys: Sequence[KeyRecord], at: datetime) -> int:
    with store.writing(source.pk):
        before = ApiKey.objects.filter(source=source).count()
        store.store_keys(source.pk, keys, at)
        return ApiKey.objects.filter(source=source).count() - before


def _store_groups(source: Source, groups: Sequence[GroupRecord], at: datetime) -> int:
    with store.writing(source.pk):
        before = KeyGroup.objects.filter(source=source).count()
        store.store_groups(source.pk, groups, at)
        return KeyGroup.objects.filter(source=source).count() - before


def _keep_refused(source: Source, refused: Sequence[Refused]) -> int:
    for item in refused:
        quarantine(source, item.body, item.code, item.detail)
    return 0
