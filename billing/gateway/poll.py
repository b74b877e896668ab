"""Keeping a gateway in step: one poll reads all of its resources, each from where it was left.

What is read is stored as imports are, so a poll that is killed or doubled changes nothing. A
poll holds a lease on the gateway; one gateway's troubles never concern another.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from billing.gateway.documents import BadExport
from billing.gateway.line import Line, Refused, SlowDown, Spent, Trouble, Unreachable
from billing.gateway.poll_keys import poll_groups, poll_keys, poll_settings, poll_start
from billing.gateway.poll_logs import AUDIT, REQUESTS, poll_ring, poll_usage
from billing.models import PollGap, PollState, Source
from billing.models.sources import SourceKind
from billing.tokens import digests

WHOLE = "gateway"  # the state of polling as such
LEASE = timedelta(seconds=200)  # longer than a poll may take
LOCKED_OUT = timedelta(minutes=15)  # each refusal is an entry of the gateway's audit log
UNAUTHORIZED = 401


@dataclass(frozen=True)
class Poll:
    """A poll under way. `started` is the start of the gateway's process as it says it, or empty."""

    source: Source
    line: Line
    started: str = ""


Step = Callable[[Poll, dict[str, Any]], PollGap | None]


def _groups(poll: Poll, _: dict[str, Any]) -> None:
    poll_groups(poll.line, poll.source)


def _keys(poll: Poll, cursor: dict[str, Any]) -> None:
    poll_keys(poll.line, poll.source, cursor)


def _usage(poll: Poll, cursor: dict[str, Any]) -> PollGap | None:
    return poll_usage(poll.line, poll.source, cursor, poll.started)


def _requests(poll: Poll, cursor: dict[str, Any]) -> PollGap | None:
    return poll_ring(poll.line, poll.source, REQUESTS, cursor, poll.started)


def _audit(poll: Poll, cursor: dict[str, Any]) -> PollGap | None:
    return poll_ring(poll.line, poll.source, AUDIT, cursor, poll.started)


# What a ring may lose comes first; many keys may take several polls.
STEPS: dict[str, Step] = {
    "usage": _usage,
    "requests": _requests,
    "audit": _audit,
    "groups": _groups,
    "keys": _keys,
}


def polled_sources() -> list[int]:
    """The gateways that have an address and an admin key."""
    rows = Source.objects.filter(kind=SourceKind.PAYGATE).exclude(base_url="")
    return [source.pk for source in rows if source.admin_key]


def poll(source_id: int, is_asked: bool = False) -> bool:
    """Read what is new at a gateway; False when another poll does, or it is to be left alone.

    `is_asked`: staff want it now, whatever the gateway said before.
    """
    source = Source.objects.get(pk=source_id)
    if not source.base_url or not source.admin_key:
        return False
    identity = digests(f"{source.base_url} {source.admin_key}".encode())[0]
    if not _taken(source, identity, is_asked):
        return False
    line = Line(source)
    trouble: Trouble | None = None
    try:
        trouble = _read_all(source, line)
    finally:
        _release(source, identity, line, trouble)
    return True


def _read_all(source: Source, line: Line) -> Trouble | None:
    """The trouble that ended the poll early; other troubles are noted with their resource."""
    under_way = Poll(source, line)
    started: list[str] = []

    def settings(_: Poll, cursor: dict[str, Any]) -> None:
        started.append(poll_start(line, source))
        cursor["started"] = started[0]
        poll_settings(line, source)

    trouble = _noted(under_way, "settings", settings)
    under_way = Poll(source, line, started[0] if started else "")
    for resource, step in STEPS.items():
        if _is_over(trouble):
            break
        trouble = _noted(under_way, resource, step)
    return trouble if _is_over(trouble) else None


def _is_over(trouble: Trouble | None) -> bool:
    if isinstance(trouble, Refused):
        return trouble.status == UNAUTHORIZED
    return isinstance(trouble, SlowDown | Spent | Unreachable)


def _noted(under_way: Poll, resource: str, step: Step) -> Trouble | None:
    """Do it and keep how it went; the cursor moves with what was read."""
    state, _ = PollState.objects.get_or_create(source=under_way.source, resource=resource)
    cursor = dict(state.cursor)
    try:
        gap = step(under_way, cursor)
    except (Trouble, BadExport) as error:
        kept = cursor if resource == "keys" else state.cursor
        PollState.objects.filter(pk=state.pk).update(
            cursor=kept, polled_at=Now(), failures=F("failures") + 1, error=str(error)[:500]
        )
        return error if isinstance(error, Trouble) else None
    with transaction.atomic():
        if gap is not None:
            PollGap.objects.bulk_create([gap], ignore_conflicts=True)
        PollState.objects.filter(pk=state.pk).update(
            cursor=cursor, polled_at=Now(), succeeded_at=Now(), failures=0, error=""
        )
    return None


@contextmanager
def _whole(source: Source) -> Iterator[tuple[PollState, datetime]]:
    """The state of polling, locked, and the database's time."""
    PollState.objects.get_or_create(source=source, resource=WHOLE)
    with transaction.atomic(), connection.cursor() as cursor:
        state = PollState.objects.select_for_update().get(source=source, resource=WHOLE)
        cursor.execute("select clock_timestamp()")
        yield state, cursor.fetchone()[0]
        state.save()


def _taken(source: Source, identity: str, is_asked: bool) -> bool:
    """Take the lease, unless it is held or the gateway, of this address and key, is on hold."""
    with _whole(source) as (state, now):
        held, hold = state.cursor.get("lease"), state.cursor.get("hold")
        if held and now < datetime.fromisoformat(held):
            return False
        is_same = state.cursor.get("identity") == identity
        if hold and is_same and not is_asked and now < datetime.fromisoformat(hold):
            return False
        state.cursor = {"lease": (now + LEASE).isoformat(), "identity": identity}
        return True


def _release(source: Source, identity: str, line: Line, trouble: Trouble | None) -> None:
    with _whole(source) as (state, now):
        state.cursor = {"identity": identity, "requests": line.requests}
        state.polled_at, state.error = now, str(trouble or "")[:500]
        state.failures = state.failures + 1 if trouble else 0
        if trouble is None:
            state.succeeded_at = now
        pause = _pause(trouble)
        if pause is not None:
            state.cursor["hold"] = (now + pause).isoformat()


def _pause(trouble: Trouble | None) -> timedelta | None:
    if isinstance(trouble, SlowDown):
        return timedelta(seconds=trouble.seconds)
    if isinstance(trouble, Refused):
        return LOCKED_OUT
    return None
