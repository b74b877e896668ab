"""A gateway's own answers, read and taken in: keys, usage, logs, groups, settings.

Reading a file twice, or files that overlap, changes nothing. What a file holds that cannot be
understood goes to quarantine, item by item, and the rest is stored.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from billing.gateway import store
from billing.gateway.batches import Batch, Refused, chunks
from billing.gateway.documents import BadExport, checksum, decode_export, item_text
from billing.gateway.key_records import SHORTEST_SECRET, read_group, read_key
from billing.gateway.records import (
    Call,
    Record,
    instant,
    read_audit_entry,
    read_exported_call,
    read_log_entry,
)
from billing.gateway.redact import mask, redacted
from billing.gateway.settings import read_settings
from billing.ingest.decode import MAX_DEPTH, Rejection
from billing.models import Source

__all__ = ["KINDS", "BadExport", "Imported", "read_export"]
T = TypeVar("T")


@dataclass
class Imported:
    """What an export brought: records read, those that were new, those that were refused."""

    read: int = 0
    new: int = 0
    rejected: int = 0
    details: list[str] = field(default_factory=list)


def read_backup(body: bytes, _: datetime) -> Batch:
    """GET /admin/backup: keys and groups. BadExport when its checksum is wrong."""
    document = _object(decode_export(body))
    data = _object(document.get("data"))
    said = document.get("checksum")
    if said is not None and said != checksum(body):
        raise BadExport("the checksum does not fit the data: the file was changed or cut")
    batch = Batch(at=_moment(document.get("timestamp"), "timestamp"))
    batch.keys = _read(_list(data, "keys"), read_key, batch)
    batch.groups = _read(_list(data, "groups"), read_group, batch)
    return batch


def read_keys(body: bytes, at: datetime) -> Batch:
    """GET /keys or /keys/export, without places; as of `at` unless it says when."""
    document = decode_export(body)
    if not isinstance(document, list):
        document = _object(document)
        if document.get("exportedAt") is not None:
            at = _moment(document["exportedAt"], "exportedAt")
    batch = Batch(at=at)
    rows = document if isinstance(document, list) else _needed(document, "keys")
    batch.keys = _read(rows, lambda record, _: read_key(record, None), batch)
    return batch


def read_usage(body: bytes, _: datetime) -> Batch:
    """GET /usage: metered calls, oldest first."""
    batch = Batch()
    rows = _needed(_object(decode_export(body)), "events")
    calls: list[Call] = _read(rows, lambda record, _: read_exported_call(record), batch)
    batch.calls = store.placed(calls)
    return batch


def read_requests(body: bytes, _: datetime) -> Batch:
    """GET /requests/export: the request log."""
    batch = Batch()
    rows = _needed(_object(decode_export(body)), "requests")
    batch.log = _read(rows, lambda record, _: read_log_entry(record), batch)
    return batch


def read_audit(body: bytes, _: datetime) -> Batch:
    """GET /audit/export: the audit log."""
    batch = Batch()
    rows = _needed(_object(decode_export(body)), "events")
    batch.audit = _read(rows, lambda record, _: read_audit_entry(record), batch)
    return batch


def read_groups(body: bytes, at: datetime) -> Batch:
    """GET /groups as of `at`."""
    batch = Batch(at=at)
    batch.groups = _read(_needed(_object(decode_export(body)), "groups"), read_group, batch)
    return batch


def read_config(body: bytes, _: datetime) -> Batch:
    """GET /pricing, /info, /status or /admin/sla, or a file of settings; BadExport when none."""
    try:
        return Batch(settings=read_settings(_object(decode_export(body))))
    except Rejection as error:
        raise BadExport(str(error)) from error


KINDS: dict[str, Callable[[bytes, datetime], Batch]] = {
    "config": read_config,
    "groups": read_groups,
    "backup": read_backup,
    "keys": read_keys,
    "usage": read_usage,
    "requests": read_requests,
    "audit": read_audit,
}


def read_export(kind: str, body: bytes, at: datetime) -> Batch:
    """A file of one of KINDS. `at` is its time where it does not say one. Raises BadExport."""
    return KINDS[kind](body, at)


def store_batch(
    source: Source, batch: Batch, shown: Callable[[int], object] = lambda done: None
) -> Imported:
    """Store all of a batch; `shown` is told how many records are done after each chunk."""
    found = Imported(read=batch.read, rejected=len(batch.refused))
    found.details = batch.details()
    done = 0
    for chunk in chunks(batch):
        found.new += chunk.store(source)
        done += chunk.size
        shown(done)
    return found


def import_backup(source: Source, body: bytes) -> Imported:
    """Take in GET /admin/backup."""
    return store_batch(source, read_backup(body, datetime.now(UTC)))


def import_keys(source: Source, body: bytes, at: datetime) -> Imported:
    """Take in GET /keys or /keys/export."""
    return store_batch(source, read_keys(body, at))


def import_usage(source: Source, body: bytes) -> Imported:
    """Take in GET /usage."""
    return store_batch(source, read_usage(body, datetime.now(UTC)))


def import_requests(source: Source, body: bytes) -> Imported:
    """Take in GET /requests/export."""
    return store_batch(source, read_requests(body, datetime.now(UTC)))


def import_audit(source: Source, body: bytes) -> Imported:
    """Take in GET /audit/export."""
    return store_batch(source, read_audit(body, datetime.now(UTC)))


def import_groups(source: Source, body: bytes, at: datetime) -> Imported:
    """Take in GET /groups."""
    return store_batch(source, read_groups(body, at))


def import_config(source: Source, body: bytes) -> Imported:
    """Take in settings."""
    return store_batch(source, read_config(body, datetime.now(UTC)))


def _read(rows: Sequence[Any], reader: Callable[[Record, int], T], batch: Batch) -> list[T]:
    """The rows understood; the others are set aside, without their secrets."""
    result = []
    for place, row in enumerate(rows):
        try:
            result.append(reader(_record(row), place))
        except Rejection as rejection:
            text = item_text(redacted(_without_key(_pruned(row, MAX_DEPTH))))
            batch.refused.append(Refused(place, text, rejection.code, rejection.detail))
    return result


def _record(row: Any) -> Record:
    if not isinstance(row, dict):
        raise Rejection("not_an_object", "an item is not an object")
    if _pruned(row, MAX_DEPTH) is not row:
        raise Rejection("too_deep", f"nested deeper than {MAX_DEPTH} levels")
    record: Record = row
    return record


def _pruned(value: Any, depth: int) -> Any:
    """The value itself, or one without what is nested deeper than `depth` levels."""
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        return "(nested too deeply)"
    members = value.values() if isinstance(value, dict) else value
    kept = [_pruned(member, depth - 1) for member in members]
    if all(one is other for one, other in zip(kept, members, strict=True)):
        return value
    return dict(zip(value, kept, strict=True)) if isinstance(value, dict) else kept


def _without_key(row: Any) -> Any:
    """A refused record without its key in full, which need not be spelled like one."""
    key = row.get("key") if isinstance(row, dict) else None
    if not isinstance(key, str) or len(key) < SHORTEST_SECRET or "..." in key:
        return row
    return {**row, "key": mask(key)}


def _moment(value: Any, name: str) -> datetime:
    try:
        return datetime.fromisoformat(instant(value, name)).astimezone(UTC)
    except Rejection as error:
        raise BadExport(str(error)) from error


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadExport("an object was expected")
    return value


def _needed(document: dict[str, Any], name: str) -> list[Any]:
    """The list that tells what the file is."""
    if name not in document:
        raise BadExport(f"it has no {name}: it is a file of another kind")
    return _list(document, name)


def _list(document: dict[str, Any], name: str) -> list[Any]:
    value = document.get(name, [])
    if not isinstance(value, list):
        raise BadExport(f"{name} is not a list")
    return value
