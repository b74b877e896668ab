"""The trail as JSON lines."""

from collections.abc import Iterator
from typing import Any

from audit.models import AuditEntry

AT_ONCE = 1000


def lines(since: int = 0) -> Iterator[dict[str, Any]]:
    """Entries with a number above `since`, oldest first; hashes in hexadecimal."""
    rows = AuditEntry.objects.filter(pk__gt=since).order_by("pk")
    for entry in rows.iterator(chunk_size=AT_ONCE):
        yield {
            "id": entry.pk,
            "at": entry.at.isoformat(),
            "actor": entry.actor,
            "action": entry.action,
            "objectType": entry.object_type,
            "objectId": entry.object_id,
            "reason": entry.reason,
            "requestId": entry.request_id,
            "before": entry.before,
            "after": entry.after,
            "previous": bytes(entry.previous).hex(),
            "hash": bytes(entry.hash).hex(),
        }
