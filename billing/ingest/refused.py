"""What could not be understood, kept as received with the reason."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from billing.ingest.decode import Rejection
from billing.ingest.merge import encoded
from billing.ingest.sql import INSERT_REJECTED


@dataclass(frozen=True)
class Refused:
    """A body that was refused, and why; `source` is its source's id."""

    source: int
    body: bytes
    reason: Rejection


def store_refused(refused: Sequence[Refused]) -> None:
    """Keep each distinct body once for each reason, and how often it came."""
    rows: dict[tuple[int, str, str], dict[str, Any]] = {}
    for item in refused:
        digest = hashlib.sha256(item.body).hexdigest()
        key = (item.source, digest, item.reason.code)
        rows.setdefault(key, _row(item, digest))["times"] += 1
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(INSERT_REJECTED, [encoded([rows[key] for key in sorted(rows)])])


def _row(item: Refused, digest: str) -> dict[str, Any]:
    return {
        "source": item.source,
        "body": base64.b64encode(item.body).decode(),
        "hash": digest,
        "code": item.reason.code,
        "detail": item.reason.detail.encode("utf-8", "replace").decode().replace("\0", " "),
        "times": 0,
    }
