"""Scheduled work on rollups. Each task is harmless if doubled, killed or lost."""

from celery import shared_task

from analytics import rollups, usage, verify


@shared_task
def roll_stale_buckets() -> int:
    """Every minute: stale buckets, newest first. The marks are the queue."""
    return rollups.roll_stale(limit_seconds=45)


@shared_task
def fold_running_totals() -> int:
    """Every minute: running deltas of payments and of metered calls into totals."""
    return rollups.fold_totals(limit_seconds=20) + usage.fold_usage(limit_seconds=20)


@shared_task
def verify_recent() -> int:
    """Every quarter hour: the last 48 hours against raw facts."""
    return verify.verify_recent()


@shared_task
def verify_history() -> int:
    """Nightly: a sample of all days against raw facts."""
    return verify.verify_history()
