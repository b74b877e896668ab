"""Getting messages there: claimed, sent, recorded, each in a short transaction of its own.

The claim is committed before anything is sent and lasts LEASE; whoever dies in between leaves the
delivery to the next run. So every receiver is told at least once, and repeats have the same id.
"""

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from notify import mail, webhooks
from notify.models import Attempt, Delivery, DeliveryState, Endpoint
from notify.outbox import tell_owner

LEASE = timedelta(minutes=10)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=15), timedelta(hours=2)
BATCH, AN_ENDPOINT, THREADS = 32, 8, 8

# A slow endpoint gets a few at a time, so it cannot keep the others waiting.
_CLAIM = """
with due as (
    select id from (
        select d.id, d.next_at, row_number() over (
            partition by d.endpoint_id, case when d.endpoint_id is null then d.id end
            order by d.next_at, d.id) as place
        from notify_delivery d left join notify_endpoint e on e.id = d.endpoint_id
        where d.state = 'waiting' and d.next_at <= clock_timestamp()
          and (e.id is null or (e.enabled and e.paused_at is null))
          and (%(only)s::bigint[] is null or d.id = any(%(only)s))
    ) ranked where place <= %(each)s order by next_at, id limit %(batch)s
), locked as (
    select d.id from notify_delivery d join due using (id)
    where d.state = 'waiting' and d.next_at <= clock_timestamp()
    order by d.id for update of d skip locked
)
update notify_delivery d
set next_at = clock_timestamp() + %(lease)s, attempts_made = d.attempts_made + 1
from locked l where l.id = d.id
returning d.id
"""


@dataclass(frozen=True)
class Outcome:
    """What a try gave. `error` empty = delivered."""

    milliseconds: int
    status: int | None
    answer: str
    error: str


def deliver_due(limit_seconds: float) -> int:
    """Send what is due until nothing is, or the time is over; how many were tried."""
    ends, tried = time.monotonic() + limit_seconds, 0
    while time.monotonic() < ends:
        count = _deliver_batch(claim())
        tried += count
        if not count:
            break
    return tried


def deliver_now(delivery: Delivery) -> None:
    """Try one delivery at once, unless another process has it."""
    _deliver_batch(claim([delivery.pk]))


def claim(only: Sequence[int] | None = None) -> list[int]:
    """Take due deliveries for LEASE; two processes never get the same one."""
    bound: dict[str, Any] = {
        "only": only,
        "each": AN_ENDPOINT,
        "batch": BATCH,
        "lease": LEASE,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CLAIM, bound)
        return [row[0] for row in cursor.fetchall()]


def _deliver_batch(ids: Sequence[int]) -> int:
    found = Delivery.objects.filter(pk__in=ids).order_by("pk")
    deliveries = list(
        found.select_related("message__source", "endpoint__owner").prefetch_related(
            "message__files"
        )
    )
    with ThreadPoolExecutor(THREADS) as threads:  # they only wait for others; no SQL in them
        for delivery, outcome in zip(deliveries, threads.map(_timed, deliveries), strict=True):
            record(delivery, outcome)
    return len(deliveries)


def _timed(delivery: Delivery) -> Outcome:
    """One try. Whatever goes wrong with one message is its own outcome, and written down."""
    began = time.monotonic()
    status, answer, error = None, "", ""
    try:
        if delivery.endpoint:
            status, answer = webhooks.send(delivery.message, delivery.endpoint)
            error = "" if 200 <= status < 300 else f"HTTP {status}"
        else:
            mail.send(delivery)
    except Exception as problem:  # noqa: BLE001 - any failure is this delivery's alone
        error = f"{type(problem).__name__}: {problem}"
    milliseconds = int((time.monotonic() - began) * 1000)
    return Outcome(milliseconds, status, printable(answer, 1_000), printable(error, 500))


def printable(text: str, length: int) -> str:
    """Text that PostgreSQL stores, cut."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:length]


def wait_after(attempts: int) -> timedelta:
    """How long to wait after the n-th failed try: doubling, spread over half to all of it."""
    doubled: int = 1 << min(attempts - 1, 20)
    return min(FIRST_WAIT * doubled, LONGEST_WAIT) * random.uniform(0.5, 1)  # noqa: S311 - spreads load, guards nothing


@transaction.atomic
def record(delivery: Delivery, outcome: Outcome) -> None:
    """Write an attempt down and what follows from it."""
    Attempt.objects.create(
        delivery=delivery,
        milliseconds=outcome.milliseconds,
        status=outcome.status,
        answer=outcome.answer,
        error=outcome.error,
    )
    waiting = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.WAITING)
    if not outcome.error:
        waiting.update(state=DeliveryState.DELIVERED, delivered_at=Now(), error="")
        _mark(delivery, is_failing=False)
        return
    waiting.update(error=outcome.error, next_at=Now() + wait_after(delivery.attempts_made))
    _mark(delivery, is_failing=True)
    if waiting.filter(give_up_at__lte=F("next_at")).update(state=DeliveryState.FAILED):
        _given_up(delivery, outcome.error)


def _mark(delivery: Delivery, is_failing: bool) -> None:
    """Note the first failure of a row of failures, or its end."""
    if delivery.endpoint is not None:
        rows = Endpoint.objects.filter(pk=delivery.endpoint.pk, failing_since__isnull=is_failing)
        rows.update(failing_since=Now() if is_failing else None)


def _given_up(delivery: Delivery, error: str) -> None:
    """After a day of failures an endpoint is paused; what it has not got waits for it."""
    endpoint = delivery.endpoint
    if endpoint is None or delivery.message.type == "test":
        return
    paused = Endpoint.objects.filter(pk=endpoint.pk, paused_at=None).update(paused_at=Now())
    if paused:
        text = _(
            "Deliveries to %(url)s failed for a day, the last with: %(error)s\n\n"
            "The endpoint is paused. What it misses is kept and sent when you resume it."
        ) % {"url": endpoint.url, "error": error}
        tell_owner(endpoint.owner, _("Webhook endpoint %s is paused") % endpoint.name, text)


@transaction.atomic
def resume(endpoint: Endpoint) -> int:
    """Send again what waited while the endpoint was paused; each has a day anew. How many."""
    Endpoint.objects.filter(pk=endpoint.pk).update(paused_at=None, failing_since=None)
    waiting = Delivery.objects.filter(endpoint=endpoint, state=DeliveryState.WAITING)
    return waiting.update(next_at=Now(), give_up_at=Now() + timedelta(hours=24), attempts_made=0)
