"""Quarantined items of a gateway, read again: each by what it looks like."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from billing.gateway import store
from billing.gateway.delivery import ADMIN, USAGE, read_delivery
from billing.gateway.records import (
    PREFIX,
    read_admin_event,
    read_audit_entry,
    read_call,
    read_exported_call,
    read_log_entry,
)
from billing.gateway.webhook import take_delivery
from billing.ingest.decode import Rejection, decode
from billing.models import RejectedEvent


@dataclass(frozen=True)
class _Kind:
    """Items of one kind: how they are known, and stored again."""

    fits: Callable[[Mapping[str, Any]], bool]
    store: Callable[[int, Mapping[str, Any], int], object]


def replay_item(rejected: RejectedEvent) -> None:
    """Store a quarantined item or delivery. Raises Rejection when it still cannot be understood.

    What a delivery carried counts as often as it came; what an export showed counts once, since
    the same export is read again and again.
    """
    body = bytes(rejected.body)
    record = decode(body)
    if USAGE in record or ADMIN in record:
        _take_whole(rejected, body)
        return
    kind = next((kind for kind in _KINDS if kind.fits(record)), None)
    if kind is None:
        raise Rejection("not_replayable", "import the file again: its time belongs to the record")
    kind.store(rejected.source_id, record, rejected.times_seen)


def _take_whole(rejected: RejectedEvent, body: bytes) -> None:
    """Whether it was a retry is not known any more: its text counts once."""
    read_delivery(body)
    take_delivery(rejected.source, body, is_retry=True)


def _is_exported(record: Mapping[str, Any]) -> bool:
    key = record.get("apiKey")
    return isinstance(key, str) and (len(key) > PREFIX or key.endswith("..."))


def _store_delivered_call(source: int, record: Mapping[str, Any], times: int) -> None:
    call = read_call(record)
    call.times = times
    store.store_delivered(source, [call], [])


def _store_exported_call(source: int, record: Mapping[str, Any], _: int) -> None:
    store.store_exported_calls(source, [read_exported_call(record)])


def _store_event(source: int, record: Mapping[str, Any], times: int) -> None:
    event = read_admin_event(record)
    event.times = times
    store.store_delivered(source, [], [event])


_KINDS = (
    _Kind(_is_exported, _store_exported_call),
    _Kind(lambda record: "apiKey" in record, _store_delivered_call),
    _Kind(lambda r: "durationMs" in r, lambda s, r, _: store.store_log(s, [read_log_entry(r)])),
    _Kind(lambda r: "message" in r, lambda s, r, _: store.store_audit(s, [read_audit_entry(r)])),
    _Kind(lambda record: "type" in record and "timestamp" in record, _store_event),
)
