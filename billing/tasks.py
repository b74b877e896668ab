"""Scheduled work on the facts. Each task is harmless if doubled, killed or lost."""

from celery import shared_task

from billing.expiry import expire_due


@shared_task
def expire_payments() -> int:
    """Every minute: expire what was received or verified and never went on."""
    return expire_due()
