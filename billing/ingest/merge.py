"""Writing what was understood: a handful of statements, however many events.

Locks are always taken in the same order (registry, events, payments, batches; each sorted by
key), and what a statement reads was locked by an earlier one, so writers on the same payments
queue up instead of losing each other's work.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec
from django.db import connection
from django.db.backends.utils import CursorWrapper

from billing.chains import family_of
from billing.ingest import sql
from billing.ingest.fold import Folded, fold
from billing.ingest.understand import Understood

# Held shared by every request; whoever changes networks, assets or prices takes it exclusively,
# so that no payment is priced by a registry that is just being replaced.
REGISTRY_LOCK = 0x7061790001


class Outcome(StrEnum):
    """What became of an event that was understood; the order is that of the receipt."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


Keyed = tuple[int, Understood]


def write(events: Sequence[Keyed]) -> list[Outcome]:
    """Store events and their effects; the outcome of each. Needs a transaction around it."""
    first: dict[tuple[int, str], Understood] = {}
    for source, event in events:
        first.setdefault((source, event.event_id), event)
    if not first:
        return []
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock_shared(%s)", [REGISTRY_LOCK])
        new = _insert_events(cursor, first)
        stored = _stored_hashes(cursor, [key for key in first if key not in new])
        stored |= {key: first[key].body_hash for key in new}
        outcomes = _outcomes(events, first, new, stored)
        _insert_conflicts(cursor, events, outcomes)
        if new:
            merge(cursor, fold((key[0], first[key]) for key in sorted(new)))
    return outcomes


def _insert_events(
    cursor: CursorWrapper, first: dict[tuple[int, str], Understood]
) -> set[tuple[int, str]]:
    rows = [
        {
            "source": key[0],
            "event": key[1],
            "type": first[key].type,
            "payment": first[key].payment_id,
            "at": first[key].occurred_at,
            "body": first[key].body,
            "hash": first[key].body_hash.hex(),
        }
        for key in sorted(first)
    ]
    cursor.execute(sql.INSERT_EVENTS, [encoded(rows)])
    return set(cursor.fetchall())


def _stored_hashes(
    cursor: CursorWrapper, keys: list[tuple[int, str]]
) -> dict[tuple[int, str], bytes]:
    if not keys:
        return {}
    cursor.execute(
        sql.STORED_HASHES,
        [encoded([{"source": source, "event": event} for source, event in keys])],
    )
    return {(source, event): bytes(digest) for source, event, digest in cursor.fetchall()}


def _outcomes(
    events: Sequence[Keyed],
    first: dict[tuple[int, str], Understood],
    new: set[tuple[int, str]],
    stored: dict[tuple[int, str], bytes],
) -> list[Outcome]:
    outcomes = []
    for source, event in events:
        key = (source, event.event_id)
        if key in new and first[key] is event:
            outcomes.append(Outcome.ACCEPTED)
        elif stored[key] == event.body_hash:
            outcomes.append(Outcome.DUPLICATE)
        else:
            outcomes.append(Outcome.CONFLICT)
    return outcomes


def _insert_conflicts(
    cursor: CursorWrapper, events: Sequence[Keyed], outcomes: list[Outcome]
) -> None:
    rows = sorted(
        (source, event.event_id, event.body_hash.hex(), event.body)
        for (source, event), outcome in zip(events, outcomes, strict=True)
        if outcome is Outcome.CONFLICT
    )
    if rows:
        names = ("source", "event", "hash", "body")
        cursor.execute(
            sql.INSERT_CONFLICTS, [encoded([dict(zip(names, row, strict=True)) for row in rows])]
        )


def merge(cursor: CursorWrapper, folded: Folded) -> None:
    """Merge folded events into networks, payments, money book and batches."""
    if folded.networks:
        rows = [{"chain": chain, "family": family_of(chain)[:16]} for chain in folded.networks]
        cursor.execute(sql.INSERT_NETWORKS, [encoded(rows)])
    keys = encoded(
        [{"source": row["source"], "payment": row["payment"]} for row in folded.payments]
    )
    if folded.payments:
        cursor.execute(sql.MERGE_PAYMENTS, [encoded(folded.payments)])
        cursor.execute(sql.INSERT_UNKNOWN_ASSETS, [keys])
    if folded.entries:
        cursor.execute(sql.INSERT_ENTRIES, [encoded(folded.entries)])
    if folded.batches:
        cursor.execute(sql.MERGE_BATCHES, [encoded(folded.batches)])
    cursor.execute(sql.TOUCHED_BATCHES, [encoded(folded.batches), keys])
    refresh_batches(cursor, [row[0] for row in cursor.fetchall()])


def refresh_batches(cursor: CursorWrapper, ids: list[int]) -> None:
    """Derive batches again from their winning events and hand out their gas."""
    if not ids:
        return
    cursor.execute(sql.LOCK_BATCHES, {"ids": ids})
    cursor.execute(sql.REFRESH_BATCHES, {"ids": ids})
    cursor.execute(sql.DROP_SHARES, {"ids": ids})
    touched = set(cursor.fetchall())
    cursor.execute(sql.SHARE_GAS, {"ids": ids})
    touched |= set(cursor.fetchall())
    if touched:
        rows = [{"source": source, "payment": payment} for source, payment in sorted(touched)]
        cursor.execute(sql.LOCK_PAYMENTS, [encoded(rows)])
        cursor.execute(sql.GIVE_SHARES, [encoded(rows)])


def encoded(rows: Sequence[Any]) -> str:
    """Rows as the JSON parameter of one statement."""
    return msgspec.json.encode(rows).decode()
