"""Files of a gateway that staff upload: read at once, stored by a task with progress.

What is kept until then is what was read, secrets reduced to mask and digest; never the file.
Each chunk is stored in one transaction with the progress, so a task that is killed goes on where
it was, and two at once store each chunk once.
"""

from datetime import UTC, datetime
from time import monotonic
from typing import Any

import msgspec
from celery import current_app
from django.db import DataError, IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from billing.gateway.batches import Batch, Chunk, chunks
from billing.gateway.documents import plain_bytes
from billing.gateway.exports import read_export
from billing.gateway.key_records import KeyRecord
from billing.models import GatewayImport
from billing.models.gateway_work import WorkStatus

TASK = "billing.tasks.store_import"
OPEN = (WorkStatus.QUEUED, WorkStatus.RUNNING)
LIMIT_SECONDS = 200.0
_NULL = b"null"


# A record may hold JSON as it came or none, which the decoder cannot tell apart by itself.
_KeptKey = msgspec.defstruct(
    "KeptKey",
    [
        (column.name, msgspec.Raw if column.type == msgspec.Raw | None else column.type)
        for column in msgspec.structs.fields(KeyRecord)
    ],
)
_KeptBatch = msgspec.defstruct("KeptBatch", [("keys", list[_KeptKey], [])], bases=(Batch,))  # type: ignore[valid-type]  # made at run time
_DECODER = msgspec.json.Decoder(_KeptBatch)


def read_upload(kind: str, body: bytes, at: datetime | None = None) -> Batch:
    """A file of one of exports.KINDS, gzipped or not; as of now where nothing says when.

    BadExport when it is not what it should be.
    """
    moment = at or datetime.now(UTC)
    batch = read_export(kind, plain_bytes(body), moment)
    batch.at = batch.at or moment
    return batch


def queue(row: GatewayImport, batch: Batch) -> None:
    """Save an import, new but for what was read, and have it stored."""
    row.records = msgspec.json.encode(batch)
    row.total, row.rejected = batch.read, len(batch.refused)
    row.detail = "\n".join(batch.details())
    row.save()
    # The tick of every minute finds what a broker that is away does not take now.
    transaction.on_commit(lambda: current_app.send_task(TASK, [row.pk]), robust=True)


def store_upload(import_id: int, limit_seconds: float = LIMIT_SECONDS) -> int:
    """Store what is left of an import; how many records this took. Safe to repeat."""
    row = GatewayImport.objects.filter(pk=import_id, status__in=OPEN).first()
    if row is None or row.records is None:
        return 0
    try:
        return _store_rest(row, monotonic() + limit_seconds)
    except (DataError, IntegrityError) as error:  # it would be the same the next time
        _finish(row, WorkStatus.FAILED, f"stopped: {error}"[:500])
        return 0


def _store_rest(row: GatewayImport, end: float) -> int:
    stored, position = 0, 0
    for chunk in chunks(_batch(bytes(row.records or b""))):
        if position >= row.done and not _store_chunk(row, chunk, position):
            return stored
        stored += chunk.size if position >= row.done else 0
        position += chunk.size
        if monotonic() > end:
            return stored
    _finish(row, WorkStatus.DONE, row.detail)
    return stored


def store_open_uploads(limit_seconds: float = LIMIT_SECONDS) -> int:
    """Go on with every import that is not finished, oldest first; how many records it took."""
    end = monotonic() + limit_seconds
    stored = 0
    for pk in (
        GatewayImport.objects.filter(status__in=OPEN).order_by("id").values_list("pk", flat=True)
    ):
        stored += store_upload(pk, max(end - monotonic(), 0))
    return stored


def _batch(text: bytes) -> Batch:
    """What was kept of an upload."""
    kept: Any = _DECODER.decode(text)
    kept.keys = [KeyRecord(**_members(key)) for key in kept.keys]
    batch: Batch = kept
    return batch


def _members(key: msgspec.Struct) -> dict[str, Any]:
    return {
        name: None if isinstance(value, msgspec.Raw) and bytes(value) == _NULL else value
        for name, value in msgspec.structs.asdict(key).items()
    }


def _store_chunk(row: GatewayImport, chunk: Chunk, position: int) -> bool:
    """Store it unless another task did; False when the import is not open any more."""
    with transaction.atomic():
        held = GatewayImport.objects.select_for_update().filter(pk=row.pk, status__in=OPEN).first()
        if held is None:
            return False
        if held.done <= position:
            new = chunk.store(row.source)
            GatewayImport.objects.filter(pk=row.pk).update(
                status=WorkStatus.RUNNING, done=position + chunk.size, new=F("new") + new
            )
    return True


def _finish(row: GatewayImport, status: WorkStatus, detail: str) -> None:
    GatewayImport.objects.filter(pk=row.pk, status__in=OPEN).update(
        status=status, records=None, detail=detail, finished_at=Now()
    )
