"""Reading what a gateway is now: its keys, groups and settings."""

from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import Q

from billing.gateway import sql, store
from billing.gateway.batches import Batch
from billing.gateway.documents import BadExport, decode_export
from billing.gateway.exports import (
    read_backup,
    read_config,
    read_groups,
    read_keys,
    store_batch,
)
from billing.gateway.line import Line, Refused
from billing.models import ApiKey, Source

PAGE = 500
_SETTINGS = ("/info", "/pricing")

# A list shows the first ten characters of a key only. The audit log has the mask and the name of
# each key that was made: where both fit one key alone, the key gets this mask.
LEARN_MASKS = """
with made as (
    select distinct e.metadata::json ->> 'keyMasked' as mask, e.metadata::json ->> 'name' as name
    from billing_gatewayauditevent e
    where e.source_id = %(source)s and e.type = 'key.created'
), alone as (
    select left(mask, 7) as stem, name, min(mask) as mask
    from made where mask like '_______...____'
    group by 1, 2 having count(*) = 1
), listed as (
    select left(prefix, 7) as stem, name, min(id) as id, bool_or(mask = '') as is_bare
    from billing_apikey
    where source_id = %(source)s and not is_issued_here and prefix <> ''
    group by 1, 2 having count(*) = 1
)
update billing_apikey k set mask = a.mask
from listed l join alone a using (stem, name)
where k.id = l.id and l.is_bare
  and not exists (
      select from billing_apikey o where o.source_id = %(source)s and o.mask = a.mask)
returning k.id
"""


def poll_start(line: Line, source: Source) -> str:
    """The start of the gateway's process, as it says it and stored; empty where it does not."""
    try:
        answer = line.get("/admin/sla")
        store_batch(source, read_config(answer.body, answer.at))
    except (Refused, BadExport):
        return ""
    uptime = decode_export(answer.body).get("uptime")
    return str(uptime.get("startedAt") or "") if isinstance(uptime, dict) else ""


def poll_settings(line: Line, source: Source) -> None:
    """Prices and limits. What an older gateway lacks is left out; Refused if that is all."""
    refused: list[Refused] = []
    for path in _SETTINGS:
        try:
            answer = line.get(path)
        except Refused as error:
            refused.append(error)
        else:
            store_batch(source, read_config(answer.body, answer.at))
    if len(refused) == len(_SETTINGS):
        raise refused[0]


def poll_groups(line: Line, source: Source) -> None:
    """Groups as they are now."""
    answer = line.get("/groups")
    store_batch(source, read_groups(answer.body, answer.at))


def poll_keys(line: Line, source: Source, cursor: dict[str, Any]) -> None:
    """Keys as they are now, page by page; `cursor` says where to go on.

    The list is in the order of creation and keys are never removed from it: one that is rotated
    meanwhile moves others on, so that some are seen twice and none is left out.
    """
    is_over = False
    while not is_over:
        offset = cursor.get("offset", 0)
        answer = line.get("/keys", limit=PAGE, offset=offset, sortBy="createdAt", order="asc")
        batch = read_keys(answer.body, answer.at)
        batch.at = _taken_at(batch, answer.at)
        store_batch(source, batch)
        is_over = batch.read < PAGE
        cursor["offset"] = 0 if is_over else offset + batch.read
    _learn_masks(source)
    _complete(line, source, cursor)


def _taken_at(batch: Batch, at: datetime) -> datetime:
    """When the list was made. The gateway says it to the second only; a call that it counts in
    may be later in that second."""
    used = [key.snapshot["lastUsedAt"] for key in batch.keys if key.snapshot["lastUsedAt"]]
    last = max((datetime.fromisoformat(moment).astimezone(UTC) for moment in used), default=at)
    return max(at, last) if (last - at).total_seconds() < 1 else at


def _complete(line: Line, source: Source, cursor: dict[str, Any]) -> None:
    """Masks and places of keys that lack them, from a backup, if the admin key may have one.

    It is not asked for again until other keys lack something.
    """
    lacking = _lacking(source)
    if lacking and lacking != cursor.get("lacking"):
        cursor["lacking"] = lacking
        try:
            answer = line.get("/admin/backup")
        except Refused as error:
            if error.status not in (403, 404):
                raise
            return
        store_batch(source, read_backup(answer.body, answer.at))
        cursor["lacking"] = _lacking(source)


def _lacking(source: Source) -> int:
    rows = ApiKey.objects.filter(source=source, is_issued_here=False)
    return rows.filter(Q(mask="") | Q(position=None)).count()


def _learn_masks(source: Source) -> None:
    if not ApiKey.objects.filter(source=source, is_issued_here=False, mask="").exists():
        return
    with store.writing(source.pk), connection.cursor() as cursor:
        cursor.execute(LEARN_MASKS, {"source": source.pk})
        learnt = [key for (key,) in cursor.fetchall()]
        if learnt:
            cursor.execute(sql.SETTLE, {"ids": learnt})
