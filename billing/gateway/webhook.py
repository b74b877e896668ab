"""What a gateway's webhook delivers, taken in: once per text, whole, in one transaction.

A gateway sends a batch again when an answer was late or an error, and then says so. Its batches
have no id, and equal batches are legitimate. So a text counts as often as it came without the
mark of a retry, and at least once. See docs/gateways.md.
"""

from dataclasses import dataclass
from typing import Any

from django.db.backends.utils import CursorWrapper

from billing.gateway.delivery import Delivery, read_delivery
from billing.gateway.redact import redacted_bytes
from billing.gateway.store import store_delivered, writing
from billing.ingest.decode import Rejection
from billing.ingest.door import quarantine, retried
from billing.ingest.refused import Refused, store_refused
from billing.ingest.sql import INSERT_RECEIPT
from billing.models import Source

SEE_DELIVERY = """
insert into billing_webhookdelivery as d
    (source_id, text_hash, body, first_times, retry_times, usage_events, admin_events)
values (%(source)s, %(hash)s, %(body)s, %(first)s, 1 - %(first)s, %(usage)s, %(admin)s)
on conflict (source_id, text_hash) do update
    set first_times = d.first_times + excluded.first_times,
        retry_times = d.retry_times + excluded.retry_times,
        last_received_at = statement_timestamp()
returning first_times, retry_times
"""


@dataclass(frozen=True)
class Taken:
    """What became of the items of one delivery. `duplicate` were stored by an earlier one."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0


def take_delivery(source: Source, body: bytes, is_retry: bool, is_test: bool = False) -> Taken:
    """Store a delivery; what returns is committed.

    A test is kept and has no effect. Items that cannot be understood, or a body that cannot be
    cut into items, go to quarantine without their secrets.
    """
    try:
        delivery = read_delivery(body)
    except Rejection as rejection:
        quarantine(source, redacted_bytes(body), rejection.code, rejection.detail)
        return Taken(rejected=1)
    return retried(lambda: _store(source.pk, delivery, is_retry, is_test))


def _store(source: int, delivery: Delivery, is_retry: bool, is_test: bool) -> Taken:
    with writing(source) as cursor:
        counts_anew = _see(cursor, source, delivery, is_retry, is_test)
        if is_test:
            return Taken()
        taken = Taken(duplicate=delivery.items)
        if counts_anew:
            store_refused([Refused(source, raw, reason) for raw, reason in delivery.refused])
            store_delivered(source, delivery.calls, delivery.events)
            rejected = len(delivery.refused)
            taken = Taken(accepted=delivery.items - rejected, rejected=rejected)
        cursor.execute(INSERT_RECEIPT, [source, taken.accepted, taken.duplicate, 0, taken.rejected])
        return taken


def _see(
    cursor: CursorWrapper, source: int, delivery: Delivery, is_retry: bool, is_test: bool
) -> bool:
    """Note the delivery; whether its text counts once more than before."""
    values: dict[str, Any] = {
        "source": source,
        "hash": delivery.text_hash(is_test),
        "body": delivery.text,
        "first": 0 if is_retry else 1,
        "usage": len(delivery.usage),
        "admin": len(delivery.admin),
    }
    cursor.execute(SEE_DELIVERY, values)
    firsts, retries = cursor.fetchone()
    # A retry that came first stands for its original, which then adds nothing.
    return bool(firsts + retries == 1 or (not is_retry and firsts > 1))
