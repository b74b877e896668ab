"""Rolling up metered calls and request logs: what was written with them is folded into totals.

Readers add what is not folded yet, so folding changes what a read costs and never what it says.
"""

import time

from django.db import connection, transaction

FOLD_LOCK = 1885431900  # shared with analytics_rerank_usage()
FOLD_AT_ONCE = 50_000


def fold_usage(limit_seconds: float = 30.0) -> int:
    """Fold in chunks, each in one transaction; how many deltas and log entries were taken."""
    deadline = time.monotonic() + limit_seconds
    taken = 0
    while time.monotonic() < deadline:
        count = _fold_some()
        if not count:
            break
        taken += count
    return taken


def _fold_some() -> int:
    """Nothing when another worker is folding: it will take what is there."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s, 0)", [FOLD_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(
            "select analytics_fold_usage(%s) + analytics_fold_log(%s)", [FOLD_AT_ONCE] * 2
        )
        return int(cursor.fetchone()[0])
