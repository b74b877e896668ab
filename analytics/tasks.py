"""Scheduled work on rollups. Each task is harmless if doubled, killed or lost."""

from celery import shared_task

from analytics import receipts, rollups, usage, verify


@shared_task
def roll_stale_buckets() -> int:
    """Every minute: stale buckets, newest first. The marks are the queue."""
    return rollups.roll_stale(limit_seconds=45)


@shared_task
def fold_running_totals() -> int:
    """Every minute: deltas of payments, of metered calls and of receipts into totals."""
    totals = rollups.fold_totals(limit_seconds=20) + usage.fold_usage(limit_seconds=20)
    return totals + receipts.fold_receipts(limit_seconds=10)


@shared_task
def verify_recent() -> int:
    """Every quarter hour: the last 48 hours against raw facts."""
    return verify.verify_recent()


@shared_task
def verify_history() -> int:
    """Nightly: a sample of all days against raw facts."""
    return verify.verify_history()
