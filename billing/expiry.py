"""Expiry is an event too: the portal appends payment:expired when an open payment's time is over.

Pending payments never expire by the clock; money may be moving.
"""

from hashlib import sha256

import msgspec
from django.conf import settings
from django.db import connection

from billing.ingest import receive
from billing.models import Source

BATCH = 2_000
PREFIX = "paygate:expired:"  # of the event ids; the payment id's sha256 follows

# Due: validBefore plus a grace, else a fixed time after the start; never before the start.
_DUE = """
select p.source_id, p.payment_id, d.due
from billing_payment p
cross join lateral (
    select greatest(p.started_at, coalesce(
        p.valid_before + %(grace)s * interval '1 second',
        p.started_at + %(after)s * interval '1 second')) as due
) d
where p.status in ('received', 'verified') and d.due <= clock_timestamp()
  and not exists (
    select 1 from billing_event e
    where e.source_id = p.source_id
      and e.event_id = %(prefix)s || encode(sha256(convert_to(p.payment_id, 'UTF8')), 'hex'))
order by p.source_id, p.id
limit %(limit)s
"""


def expire_due() -> int:
    """Append payment:expired for every payment whose time is over; how many were appended."""
    total = 0
    while rows := _due_rows():
        sources = Source.objects.in_bulk({row[0] for row in rows})
        accepted = 0
        for source_id, source in sorted(sources.items()):
            items = [_event(row[1], row[2]) for row in rows if row[0] == source_id]
            accepted += receive(items, source).accepted
        total += accepted
        if accepted == 0:  # nothing moved: an event under our id exists with another body
            break
    return total


def _due_rows() -> list[tuple[int, str, object]]:
    with connection.cursor() as cursor:
        cursor.execute(
            _DUE,
            {
                "grace": settings.PAYGATE_EXPIRY_GRACE_SECONDS,
                "after": settings.PAYGATE_EXPIRY_SECONDS,
                "limit": BATCH,
                "prefix": PREFIX,
            },
        )
        rows: list[tuple[int, str, object]] = cursor.fetchall()
    return rows


def _event(payment_id: str, due: object) -> bytes:
    return msgspec.json.encode(
        {
            "id": f"{PREFIX}{sha256(payment_id.encode()).hexdigest()}",
            "type": "payment:expired",
            "data": {"paymentId": payment_id, "timestamp": due},
        }
    )
