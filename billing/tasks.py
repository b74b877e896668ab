"""Scheduled work on the facts. Each task is harmless if doubled, killed or lost."""

from time import monotonic

from celery import shared_task

from billing.expiry import expire_due
from billing.gateway import poll, uploads
from billing.keys import write_back


@shared_task
def expire_payments() -> int:
    """Every minute: expire what was received or verified and never went on."""
    return expire_due()


SWEEP_S = 45  # a gateway that is silent must not keep the sweep beyond its minute
SOON_S = 60  # the sweep of every minute takes care of longer waits


@shared_task
def carry_out_key_action(action: int) -> None:
    """Ask a gateway to do something to a key of its; again soon if it cannot be reached."""
    wait = write_back.run(action)
    if wait is not None and wait < SOON_S:
        carry_out_key_action.apply_async((action,), countdown=wait)


@shared_task
def carry_out_key_actions() -> int:
    """Every minute: the actions whose time has come; new keys nobody fetched are erased."""
    write_back.forget_new_keys()
    waiting = write_back.due()
    end = monotonic() + SWEEP_S
    for action in waiting:
        if monotonic() < end:
            write_back.run(action)
    return len(waiting)


@shared_task
def store_import(import_id: int) -> int:
    """Store what staff uploaded."""
    return uploads.store_upload(import_id)


@shared_task
def store_imports() -> int:
    """Every minute: go on with uploads whose task was lost or killed, or took too long."""
    return uploads.store_open_uploads()


@shared_task
def poll_gateways() -> int:
    """Every minute: a task of its own for each gateway, so that none waits for another."""
    sources = poll.polled_sources()
    for source in sources:
        poll_gateway.apply_async((source,), expires=55)
    return len(sources)


@shared_task
def poll_gateway(source: int) -> bool:
    """Read what is new at a gateway."""
    return poll.poll(source)
