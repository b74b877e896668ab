"""Scheduled work. Each task is harmless if doubled, killed or lost."""

from celery import shared_task

from notify import delivery, evaluate, reporting


@shared_task
def deliver_messages() -> int:
    """Every fifteen seconds: what is due to endpoints and mailboxes."""
    return delivery.deliver_due(limit_seconds=120)


@shared_task
def evaluate_rules() -> int:
    """Every minute: the figures of all rules."""
    return evaluate.evaluate_all()


@shared_task
def send_reports() -> int:
    """Every minute: scheduled reports whose period is over."""
    return reporting.send_due()
