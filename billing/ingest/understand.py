"""What one event says: its identity, its subject and the stage it reports."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from billing.chains import canonical_network
from billing.ingest import errors
from billing.ingest.decode import Rejection, decode, identity
from billing.ingest.resources import resource_of
from billing.ingest.values import (
    chain_moment,
    deadline,
    decimal_text,
    duration_text,
    integer_text,
    moment,
    text,
)
from billing.models.registry import UNKNOWN

PAYMENT_KINDS = frozenset({"charge", "deposit", "claim", "voucher", "sweep"})
MOST_PAYMENTS_OF_A_BATCH = 10_000
REVENUE_KINDS = frozenset({"gas_sponsorship", "premium"})

# The columns of billing_payment's stage arrays that events of these types fill.
STAGE_OF_TYPE = {
    "payment:received": "received",
    "payment:verified": "verified",
    "payment:expired": "expired",
    "payment:pending": "pending",
    "payment:failed": "failed",
    "payment:settled": "settled",
    "payment:reversed": "reversed",
    "payment:refunded": "refunded",
}
Stage = list[str | None]
LENGTH_OF_STAGE = 26
# Place in the stage's array, the event's field, and how its value is read.
Slot = tuple[int, str, Callable[[Any, str], str | None]]


class Entry(msgspec.Struct):
    """A line for the money book: amounts as exact texts, not yet signed."""

    kind: str
    at: str
    network: str | None
    asset: str | None
    amount: str | None
    amount_atomic: str | None


class Understood(msgspec.Struct):
    """An event that was understood. `stage` and `entry` and `batch` exclude each other."""

    event_id: str
    type: str
    body: str
    body_hash: bytes
    source: str | None
    payment_id: str | None = None
    occurred_at: str | None = None
    stage_name: str = ""
    stage: Stage | None = None
    entry: Entry | None = None
    batch_id: str | None = None
    batch_payments: list[str] = []


def understand(raw: bytes, now: datetime) -> Understood:
    """Decode and read one event; Rejection with code and detail when that cannot be done.

    A type that is not known is understood as itself: stored, without effect.
    """
    event = decode(raw)
    kind = _type_of(event)
    body_hash = identity(event)
    found = Understood(
        event_id=text(event.get("id"), "id", 256) or body_hash.hex(),
        type=kind,
        body=raw.decode(),
        body_hash=body_hash,
        source=text(event.get("source"), "source", 64),
    )
    reader = _READERS.get(kind)
    if reader is not None:
        data = event.get("data")
        if not isinstance(data, dict):
            raise Rejection("missing_field", "data is missing or not an object")
        found.occurred_at = _required(moment(data.get("timestamp"), "timestamp", now), "timestamp")
        reader(found, event, data)
    return found


def _type_of(event: dict[str, Any]) -> str:
    named = event.get("type")
    if named is not None and not isinstance(named, str):
        raise Rejection("wrong_type", "type is not a string")
    return _required(text(named, "type", 64), "type")


def _required(value: str | None, field: str) -> str:
    if value is None:
        raise Rejection("missing_field", f"{field} is missing")
    return value


def _read_payment(found: Understood, _event: dict[str, Any], data: dict[str, Any]) -> None:
    found.payment_id = _payment_id(found, data)
    found.stage_name = STAGE_OF_TYPE[found.type]
    failed = found.stage_name == "failed"
    reason = errors.reason_of(data) if failed else ""
    if failed and errors.is_pending(reason):
        found.stage_name, failed = "pending", False
    if found.stage_name == "refunded" and _amounts(data) != (None, None):
        found.entry = _entry(found, data, "refund")
        return
    found.stage = _stage(found, data)
    if failed:
        found.stage[23] = errors.class_of(reason)
        found.stage[24] = errors.scrubbed(reason) or None
        found.stage[25] = text(data.get("stage"), "stage", 32)


def _payment_id(found: Understood, data: dict[str, Any]) -> str:
    """The payment's id; a failure whose id is empty or "unknown" is a payment of its own."""
    payment_id = text(data.get("paymentId"), "paymentId", 256)
    anonymous = payment_id is None or payment_id.lower() == "unknown"
    if anonymous and found.type == "payment:failed":
        return f"unknown:{found.event_id}"
    if anonymous:
        raise Rejection("missing_field", "paymentId is missing")
    return payment_id or ""


def _amounts(data: dict[str, Any]) -> tuple[str | None, str | None]:
    return (
        decimal_text(data.get("amount"), "amount"),
        integer_text(data.get("amountAtomic"), "amountAtomic"),
    )


def network_in(data: dict[str, Any]) -> str | None:
    """The canonical network an event names, if any; "unknown" names none."""
    return _network(data.get("network"), "network")


def _kind(data: dict[str, Any]) -> str | None:
    kind = text(data.get("kind"), "kind", 16)
    if kind is not None and kind not in PAYMENT_KINDS:
        raise Rejection("unknown_kind", f"kind {kind} is none of {sorted(PAYMENT_KINDS)}")
    return kind


def _stage(found: Understood, data: dict[str, Any]) -> Stage:
    """The stage's array; the order is that of billing_payment_facts()."""
    stage: Stage = [None] * LENGTH_OF_STAGE
    stage[0], stage[1] = found.occurred_at, found.event_id
    _read(stage, _PARTIES, data)
    stage[12] = _kind(data)
    stage[13] = resource_of(data)
    duration = "verificationTime" if found.stage_name == "verified" else "settlementTime"
    stage[14] = duration_text(data.get(duration), duration)
    _read(stage, _CHAIN, data)
    return stage


def _read(stage: Stage, slots: Sequence[Slot], data: dict[str, Any]) -> None:
    """Fill the slots whose fields the event has; most have few, and absent ones cost nothing."""
    for index, name, read in slots:
        value = data.get(name)
        if value is not None:
            stage[index] = read(value, name)


def _text_of(limit: int) -> Callable[[Any, str], str | None]:
    return lambda value, name: text(value, name, limit)


def _network(value: Any, name: str) -> str | None:
    named = text(value, name, 64)
    return canonical_network(named) if named and named.lower() != UNKNOWN else None


# Read in this order, which decides what is said of an event with several faults.
_PARTIES: tuple[Slot, ...] = (
    (6, "amount", decimal_text),
    (7, "amountAtomic", integer_text),
    (2, "payer", _text_of(128)),
    (3, "payee", _text_of(128)),
    (4, "network", _network),
    (5, "asset", _text_of(128)),
    (8, "fee", decimal_text),
    (9, "feeAsset", _text_of(128)),
    (10, "transaction", _text_of(128)),
    (11, "scheme", _text_of(64)),
)


def _gas_from(first: int) -> tuple[Slot, ...]:
    return (
        (first, "gasUsed", integer_text),
        (first + 1, "effectiveGasPrice", integer_text),
        (first + 2, "l1Fee", integer_text),
        (first + 3, "gasCostAtomic", integer_text),
        (first + 4, "nativeUsdPrice", decimal_text),
    )


_CHAIN: tuple[Slot, ...] = (
    *_gas_from(15),
    (20, "blockTimestamp", chain_moment),
    (21, "confirmationTime", duration_text),
    (22, "validBefore", deadline),
)
_BATCH: tuple[Slot, ...] = (
    (2, "transaction", _text_of(128)),
    (3, "network", _network),
    *_gas_from(4),
    (9, "totalFees", decimal_text),
)


def _entry(found: Understood, data: dict[str, Any], kind: str) -> Entry:
    amount, atomic = _amounts(data)
    return Entry(
        kind=kind,
        at=found.occurred_at or "",
        network=network_in(data),
        asset=text(data.get("asset"), "asset", 128),
        amount=amount,
        amount_atomic=atomic,
    )


def _read_revenue(found: Understood, event: dict[str, Any], data: dict[str, Any]) -> None:
    if text(event.get("id"), "id", 256) is None:
        raise Rejection("id_required", "revenue:recorded must carry an id")
    kind = text(data.get("kind"), "kind", 16)
    if kind not in REVENUE_KINDS:
        raise Rejection("unknown_kind", f"kind {kind} is none of {sorted(REVENUE_KINDS)}")
    if _amounts(data) == (None, None):
        raise Rejection("missing_field", "amount is missing")
    found.payment_id = text(data.get("paymentId"), "paymentId", 256)
    found.entry = _entry(found, data, kind or "")


def _read_batch(found: Understood, _event: dict[str, Any], data: dict[str, Any]) -> None:
    """Array of a batch: 1 time, 2 event id, 3 transaction, 4 network, 5 to 9 gas, 10 fees."""
    found.batch_id = _required(text(data.get("batchId"), "batchId", 256), "batchId")
    named = data.get("paymentIds") or []
    if not isinstance(named, list):
        raise Rejection("wrong_type", "paymentIds is not an array")
    if len(named) > MOST_PAYMENTS_OF_A_BATCH:
        raise Rejection("too_long", f"paymentIds names over {MOST_PAYMENTS_OF_A_BATCH} payments")
    ids = {text(item, "paymentIds", 256) for item in named}
    found.batch_payments = sorted(item for item in ids if item)
    found.stage = [found.occurred_at, found.event_id, *[None] * 8]
    _read(found.stage, _BATCH, data)


_READERS: dict[str, Callable[[Understood, dict[str, Any], dict[str, Any]], None]] = {
    **dict.fromkeys(STAGE_OF_TYPE, _read_payment),
    "batch:settled": _read_batch,
    "revenue:recorded": _read_revenue,
}
