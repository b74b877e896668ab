"""The one door for events: everything of a request commits together, or nothing does."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import psycopg
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now

from billing.ingest.decode import Rejection
from billing.ingest.merge import Outcome, write
from billing.ingest.refused import Refused, store_refused
from billing.ingest.sql import INSERT_RECEIPT
from billing.ingest.understand import Understood, understand
from billing.models import RejectedEvent, Source
from billing.models.events import RejectedStatus
from billing.models.sources import SourceKind

DEADLOCK_RETRIES = 5
Result = TypeVar("Result")


@dataclass
class Receipt:
    """What became of a request's events; `results` has one entry per event, in order sent."""

    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0
    rejected: int = 0
    results: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class _Item:
    """One event on its way: understood or rejected, then settled with an outcome."""

    raw: bytes
    source: Source
    event: Understood | None = None
    rejection: Rejection | None = None
    outcome: str = "rejected"


def receive(items: Sequence[bytes], source: Source, any_source: bool = False) -> Receipt:
    """Take in the events of one request, in one transaction; what returns is committed.

    `source` is the caller's; with `any_source` an event's envelope may name another one.
    Facts, effects, stale marks, quarantine and receipt are written together.
    """
    now = _database_now()
    sources: dict[str, Source | None] = {source.slug: source}
    work = [_understood(raw, source, sources, any_source, now) for raw in items]
    return retried(lambda: _store(work, source))


def quarantine(source: Source, body: bytes, code: str, detail: str) -> None:
    """Keep a body that could not even be cut into events, with the reason."""
    item = _Item(raw=body, source=source, rejection=Rejection(code, detail))
    retried(lambda: _store([item], source))


def replay(rejected: RejectedEvent) -> Receipt:
    """Send a quarantined event through the door again; resolved unless rejected again."""
    if rejected.source.kind == SourceKind.PAYGATE:
        return retried(lambda: _replay_of_gateway(rejected))
    # That its source is missing is found only for those who may post for every source.
    any_source = rejected.code == "unknown_source"
    receipt = receive([bytes(rejected.body)], rejected.source, any_source)
    _resolve(rejected, receipt)
    return receipt


def _replay_of_gateway(rejected: RejectedEvent) -> Receipt:
    """The same for what a gateway sent; two at once store it once."""
    from billing.gateway.replay import replay_item  # it stands on this module

    kept = RejectedEvent.objects.select_for_update(of=("self",)).get(pk=rejected.pk)
    receipt = Receipt(duplicate=1, results=[{"index": 0, "id": None, "status": "duplicate"}])
    if kept.status == RejectedStatus.OPEN:
        receipt = _tried(lambda: replay_item(kept))
        _resolve(kept, receipt)
    return receipt


def _tried(work: Callable[[], None]) -> Receipt:
    result: dict[str, Any] = {"index": 0, "id": None, "status": "accepted"}
    try:
        work()
    except Rejection as rejection:
        result |= {"status": "rejected", "code": rejection.code, "detail": rejection.detail}
        return Receipt(rejected=1, results=[result])
    return Receipt(accepted=1, results=[result])


def _resolve(rejected: RejectedEvent, receipt: Receipt) -> None:
    if not receipt.rejected:
        RejectedEvent.objects.filter(pk=rejected.pk).update(
            status=RejectedStatus.REPLAYED,
            resolved_at=Now(),
            resolution=receipt.results[0]["status"],
        )


def retried(work: Callable[[], Result]) -> Result:
    """Run `work` in a transaction, again when PostgreSQL chose it as a deadlock's victim."""
    attempt = 0
    while True:
        attempt += 1
        try:
            with transaction.atomic():
                return work()
        except OperationalError as error:
            deadlock = isinstance(error.__cause__, psycopg.errors.DeadlockDetected)
            if not deadlock or connection.in_atomic_block or attempt > DEADLOCK_RETRIES:
                raise
            time.sleep(0.01 * attempt)


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def _understood(
    raw: bytes, source: Source, sources: dict[str, Source | None], any_source: bool, now: datetime
) -> _Item:
    item = _Item(raw=raw, source=source)
    try:
        event = understand(raw, now)
        item.source = _named_source(event, source, sources, any_source)
        item.event = event
    except Rejection as rejection:
        item.rejection = rejection
    return item


def _named_source(
    event: Understood, own: Source, sources: dict[str, Source | None], any_source: bool
) -> Source:
    if event.source is None or event.source == own.slug:
        return own
    if not any_source:
        raise Rejection("foreign_source", f"this credential may not post for {event.source}")
    if event.source not in sources:
        sources[event.source] = Source.objects.filter(slug=event.source).first()
    found = sources[event.source]
    if found is None:
        raise Rejection("unknown_source", f"there is no source {event.source}")
    return found


def _store(work: list[_Item], source: Source) -> Receipt:
    store_refused(
        [Refused(i.source.pk, i.raw, i.rejection) for i in work if i.rejection is not None]
    )
    understood = [item for item in work if item.event is not None]
    outcomes = write([(item.source.pk, item.event) for item in understood if item.event])
    for item, outcome in zip(understood, outcomes, strict=True):
        item.outcome = outcome
    receipt = _receipt(work)
    _store_receipts(work)
    return receipt


def _store_receipts(work: list[_Item]) -> None:
    """One receipt per source that the request concerned."""
    counts: dict[int, Counter[str]] = {}
    for item in work:
        counts.setdefault(item.source.pk, Counter())[item.outcome] += 1
    with connection.cursor() as cursor:
        for source, count in sorted(counts.items()):
            cursor.execute(
                INSERT_RECEIPT,
                [source, *(count[str(outcome)] for outcome in Outcome), count["rejected"]],
            )


def _receipt(work: list[_Item]) -> Receipt:
    receipt = Receipt()
    for index, item in enumerate(work):
        setattr(receipt, item.outcome, getattr(receipt, item.outcome) + 1)
        result: dict[str, Any] = {"index": index, "id": item.event and item.event.event_id}
        result["status"] = item.outcome
        if item.rejection is not None:
            result["code"], result["detail"] = item.rejection.code, item.rejection.detail
        receipt.results.append(result)
    return receipt
