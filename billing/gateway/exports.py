"""A gateway's own answers, taken in: backup, usage, request log, audit log, groups, settings.

Reading a file twice, or files that overlap, changes nothing. What a file holds that cannot be
understood goes to quarantine, item by item, and the rest is stored.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from billing.gateway import store
from billing.gateway.key_records import read_group, read_key
from billing.gateway.records import (
    Record,
    instant,
    read_audit_entry,
    read_exported_call,
    read_log_entry,
)
from billing.gateway.redact import redacted
from billing.gateway.settings import read_settings, store_settings
from billing.ingest.decode import Rejection
from billing.ingest.door import quarantine
from billing.models import Source

T = TypeVar("T")
CHUNK = 5_000
_RAW = msgspec.json.Decoder(float_hook=lambda token: msgspec.Raw(token.encode()))
_COMPACT = msgspec.json.Encoder()


class BadExport(Exception):
    """The file is not what it claims to be; the text says why."""


@dataclass
class Imported:
    """What an export brought: records read, those that were new, those that were refused."""

    read: int = 0
    new: int = 0
    rejected: int = 0
    details: list[str] = field(default_factory=list)


def decode_export(body: bytes) -> Any:
    """A JSON file as plain values, numbers with a fraction as tokens; BadExport when it is none."""
    try:
        return _RAW.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadExport(f"not JSON: {error}") from error


def import_backup(source: Source, body: bytes) -> Imported:
    """GET /admin/backup: keys and groups. BadExport when its checksum is wrong."""
    document = _object(decode_export(body))
    data = _object(document.get("data"))
    _check_sum(document, body)
    at = _moment(document.get("timestamp"), "timestamp")
    found = _keys(source, _list(data, "keys"), at, has_places=True)
    groups = _read(source, _list(data, "groups"), lambda g, n: read_group(g, n), found)
    store.store_groups(source.pk, groups, at)
    return found


def import_keys(source: Source, body: bytes, at: datetime) -> Imported:
    """GET /keys or /keys/export as of `at`, without places."""
    document = decode_export(body)
    rows = document if isinstance(document, list) else _list(_object(document), "keys")
    return _keys(source, rows, at, has_places=False)


def import_usage(source: Source, body: bytes) -> Imported:
    """GET /usage: metered calls, oldest first."""
    found = Imported()
    rows = _list(_object(decode_export(body)), "events")
    calls = store.placed(_read(source, rows, lambda r, _: read_exported_call(r), found))
    # Equal calls must be counted within one export, so they may not fall into two chunks.
    for chunk in _chunks_by_moment(calls):
        found.new += store.store_exported_calls(source.pk, chunk)
    return found


def import_requests(source: Source, body: bytes) -> Imported:
    """GET /requests/export: the request log."""
    found = Imported()
    rows = _list(_object(decode_export(body)), "requests")
    entries = _read(source, rows, lambda r, _: read_log_entry(r), found)
    for start in range(0, len(entries), CHUNK):
        found.new += store.store_log(source.pk, entries[start : start + CHUNK])
    return found


def import_audit(source: Source, body: bytes) -> Imported:
    """GET /audit/export: the audit log."""
    found = Imported()
    rows = _list(_object(decode_export(body)), "events")
    entries = _read(source, rows, lambda r, _: read_audit_entry(r), found)
    for start in range(0, len(entries), CHUNK):
        found.new += store.store_audit(source.pk, entries[start : start + CHUNK])
    return found


def import_groups(source: Source, body: bytes, at: datetime) -> Imported:
    """GET /groups as of `at`."""
    found = Imported()
    rows = _list(_object(decode_export(body)), "groups")
    groups = _read(source, rows, lambda r, n: read_group(r, n), found)
    store.store_groups(source.pk, groups, at)
    found.new = len(groups)
    return found


def import_config(source: Source, body: bytes) -> Imported:
    """GET /pricing, /info or /status, or a file of settings. BadExport when it has none."""
    try:
        settings = read_settings(_object(decode_export(body)))
    except Rejection as error:
        raise BadExport(str(error)) from error
    store_settings(source, settings)
    return Imported(read=1, new=1)


def _keys(source: Source, rows: Sequence[Any], at: datetime, has_places: bool) -> Imported:
    found = Imported()
    keys = _read(source, rows, lambda r, n: read_key(r, n if has_places else None), found)
    for start in range(0, len(keys), CHUNK):
        store.store_keys(source.pk, keys[start : start + CHUNK], at)
    found.new = len(keys)
    return found


def _read(
    source: Source, rows: Sequence[Any], reader: Callable[[Record, int], T], found: Imported
) -> list[T]:
    """The rows understood; the others go to quarantine, without their secrets."""
    result = []
    for place, row in enumerate(rows):
        found.read += 1
        try:
            result.append(reader(_record(row), place))
        except Rejection as rejection:
            found.rejected += 1
            found.details.append(f"item {place}: {rejection.detail}"[:200])
            quarantine(source, _COMPACT.encode(redacted(row)), rejection.code, rejection.detail)
    return result


def _record(row: Any) -> Record:
    if not isinstance(row, dict):
        raise Rejection("not_an_object", "an item is not an object")
    return row


def _chunks_by_moment(calls: Sequence[Any]) -> list[list[Any]]:
    chunks: list[list[Any]] = [[]]
    for call in calls:
        if len(chunks[-1]) >= CHUNK and chunks[-1][-1].at != call.at:
            chunks.append([])
        chunks[-1].append(call)
    return chunks if calls else []


def _check_sum(document: dict[str, Any], body: bytes) -> None:
    said = document.get("checksum")
    raw = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    if said is not None and said != hashlib.sha256(_compacted(bytes(raw["data"]))).hexdigest():
        raise BadExport("the checksum does not fit the data: the file was changed or cut")


def _compacted(text: bytes) -> bytes:
    """JSON without the whitespace between tokens; the tokens themselves as they are."""
    return msgspec.json.format(text, indent=-1)


def _moment(value: Any, name: str) -> datetime:
    try:
        return datetime.fromisoformat(instant(value, name)).astimezone(UTC)
    except Rejection as error:
        raise BadExport(str(error)) from error


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadExport("an object was expected")
    return value


def _list(document: dict[str, Any], name: str) -> list[Any]:
    value = document.get(name, [])
    if not isinstance(value, list):
        raise BadExport(f"{name} is not a list")
    return value
