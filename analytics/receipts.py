"""Receipts of ingest added up by source: deltas, written with them, become totals."""

import time

from django.db import connection, transaction

FOLD_AT_ONCE = 50_000


def fold_receipts(limit_seconds: float = 30.0) -> int:
    """Fold receipts in chunks, each in one transaction; how many were taken."""
    deadline = time.monotonic() + limit_seconds
    taken = 0
    while time.monotonic() < deadline:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("select analytics_fold_receipts(%s)", [FOLD_AT_ONCE])
            count = int(cursor.fetchone()[0])
        if not count:
            break
        taken += count
    return taken
