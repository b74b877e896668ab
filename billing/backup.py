"""Accepted events as a file, verbatim, and back through the door: a second time changes nothing.

Every line between the first and the last is an event with its `body` as received.
"""

from collections.abc import Iterator
from typing import Any, TextIO

from billing import checked_lines
from billing.checked_lines import AT_ONCE, groups_of, members_with, sealed
from billing.ingest.door import receive
from billing.models import Event, Source

FORMAT = "paygate-events-1"
OUTCOMES = ("accepted", "duplicate", "conflict", "rejected")


def lines(source: Source, since: int = 0) -> Iterator[str]:
    """The file's lines, events in the order of arrival; `since` leaves out numbers up to it."""
    return sealed({"format": FORMAT, "source": source.slug}, _events(source, since), "events")


def check(file: TextIO) -> int:
    """How many events a whole, unchanged file has. BadBackup for any other."""
    return checked_lines.check(file, FORMAT, "events")


def take(file: TextIO, source: Source) -> dict[str, int]:
    """Send the events of a checked file through the door; what became of them, by outcome."""
    found = dict.fromkeys(OUTCOMES, 0)
    for group in groups_of(members["body"] for members in members_with(file, "body")):
        post(group, source, found)
    return found


def post(bodies: list[str], source: Source, found: dict[str, int]) -> None:
    """Send some through the door, counting outcomes."""
    receipt = receive([body.encode() for body in bodies], source)
    for outcome in OUTCOMES:
        found[outcome] += getattr(receipt, outcome)


def _events(source: Source, since: int) -> Iterator[dict[str, Any]]:
    rows = Event.objects.filter(source=source, pk__gt=since).order_by("pk")
    for event in rows.iterator(chunk_size=AT_ONCE):
        received_at = event.received_at.isoformat()
        yield {"number": event.pk, "receivedAt": received_at, "body": event.body}
