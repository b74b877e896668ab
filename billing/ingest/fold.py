"""One request folded by payment and batch, sorted by key: what is written is written once."""

from collections.abc import Iterable
from typing import Any

import msgspec

from billing.ingest.understand import Stage, Understood

STAGE_LETTERS = {
    "received": "r",
    "verified": "v",
    "expired": "x",
    "pending": "p",
    "failed": "f",
    "settled": "s",
    "reversed": "z",
    "refunded": "b",
}
_WITNESSES = (10, 6, 7, 8)  # transaction, amount, atomic amount, fee: what settled events agree on


class Folded(msgspec.Struct):
    """The effects of a request, ready for SQL; every list is sorted by its key."""

    payments: list[dict[str, Any]]
    batches: list[dict[str, Any]]
    entries: list[dict[str, Any]]
    networks: list[str]


def fold(events: Iterable[tuple[int, Understood]]) -> Folded:
    """Reduce accepted events, each with its source's id, to one row per payment and batch."""
    payments: dict[tuple[int, str], dict[str, Any]] = {}
    batches: dict[tuple[int, str], dict[str, Any]] = {}
    entries: list[dict[str, Any]] = []
    networks: set[str] = set()
    for source, event in events:
        if event.batch_id is not None:
            _fold_batch(batches, payments, source, event)
            networks.add((event.stage or [])[3] or "")
            continue
        if event.payment_id is not None:
            _fold_payment(payments, source, event)
        if event.entry is not None:
            entries.append(_entry_row(source, event))
            networks.add(event.entry.network or "")
        elif event.stage is not None:
            networks.add(event.stage[4] or "")
    return Folded(
        payments=[payments[key] for key in sorted(payments)],
        batches=[batches[key] for key in sorted(batches)],
        entries=sorted(entries, key=lambda row: (row["source"], row["event"])),
        networks=sorted(networks - {""}),
    )


def _row(payments: dict[tuple[int, str], dict[str, Any]], source: int, payment: str) -> Any:
    key = (source, payment)
    row = payments.get(key)
    if row is None:
        row = payments[key] = {"source": source, "payment": payment}
    return row


def _fold_payment(
    payments: dict[tuple[int, str], dict[str, Any]], source: int, event: Understood
) -> None:
    row = _row(payments, source, event.payment_id or "")
    if event.stage is None:
        return  # a money-book entry: the row is only named, and locked
    letter = STAGE_LETTERS[event.stage_name]
    row[letter] = _earlier(row.get(letter), event.stage)
    if letter == "s":
        _fold_witnesses(row, event.stage)


def _earlier(known: Stage | None, new: Stage) -> Stage:
    """The stage with the smaller (time, event id); all its fields together."""
    return new if known is None or _key(new) < _key(known) else known


def _key(stage: Stage) -> tuple[str, str]:
    return stage[0] or "", stage[1] or ""


def _fold_witnesses(row: dict[str, Any], stage: Stage) -> None:
    """Lowest and highest of what settled events should agree on; they differ = a dispute."""
    said = [stage[index] for index in _WITNESSES]
    if said[0] is not None and said[0].startswith(("0x", "0X")):
        said[0] = said[0].lower()
    row["low"] = [_least(a, b) for a, b in zip(row.get("low", said), said, strict=True)]
    row["high"] = [_greatest(a, b) for a, b in zip(row.get("high", said), said, strict=True)]


def _least(one: str | None, other: str | None) -> str | None:
    return min(one, other) if one is not None and other is not None else one or other


def _greatest(one: str | None, other: str | None) -> str | None:
    return max(one, other) if one is not None and other is not None else one or other


def _fold_batch(
    batches: dict[tuple[int, str], dict[str, Any]],
    payments: dict[tuple[int, str], dict[str, Any]],
    source: int,
    event: Understood,
) -> None:
    key = (source, event.batch_id or "")
    stage = [*(event.stage or []), *event.batch_payments]
    row = batches.setdefault(key, {"source": source, "batch": event.batch_id, "stage": stage})
    row["stage"] = _earlier(row["stage"], stage)
    for payment in event.batch_payments:
        _row(payments, source, payment)  # named, and locked before the batch


def _entry_row(source: int, event: Understood) -> dict[str, Any]:
    entry = event.entry
    assert entry is not None  # noqa: S101 - narrows the type; the caller has checked
    sign = "-" if entry.kind == "refund" else ""
    is_atomic = entry.amount is None  # an amount in tokens needs no decimals, it comes first
    return {
        "source": source,
        "event": event.event_id,
        "payment": event.payment_id,
        "kind": entry.kind,
        "network": entry.network,
        "asset": entry.asset,
        "amount": sign + entry.amount if entry.amount is not None else None,
        "atomic": sign + entry.amount_atomic if is_atomic and entry.amount_atomic else None,
        "at": entry.at,
    }
