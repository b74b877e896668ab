"""Accepted events as a file, verbatim, and back through the door: a second time changes nothing.

Every line is a JSON object: first one that names the format, then one for each event with its
`body` as received, last one with the number of events and SHA-256 of the lines before it.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TextIO

from billing.ingest.door import receive
from billing.models import Event, Source

FORMAT = "paygate-events-1"
AT_ONCE = 1_000


class BadBackup(ValueError):
    """The file is none, or not as it was written."""


def lines(source: Source, since: int = 0) -> Iterator[str]:
    """The file's lines, events in the order of arrival; `since` leaves out numbers up to it."""
    digest, count = hashlib.sha256(), 0
    header = _line({"format": FORMAT, "source": source.slug})
    digest.update(header.encode())
    yield header
    rows = Event.objects.filter(source=source, pk__gt=since).order_by("pk")
    for event in rows.iterator(chunk_size=AT_ONCE):
        said = {"number": event.pk, "receivedAt": event.received_at.isoformat()}
        line = _line({**said, "body": event.body})
        digest.update(line.encode())
        count += 1
        yield line
    yield _line({"events": count, "sha256": digest.hexdigest()})


def check(file: TextIO) -> int:
    """How many events a whole, unchanged file has. BadBackup for any other."""
    digest, count, last = hashlib.sha256(), 0, ""
    for number, line in enumerate(file):
        if number == 0 and _read(line).get("format") != FORMAT:
            raise BadBackup(f"the file is no {FORMAT}")
        if last:
            digest.update(last.encode())
        last, count = line, number
    end = _read(last) if last else {}
    if end.get("sha256") != digest.hexdigest() or end.get("events") != count - 1:
        raise BadBackup("the file was cut or changed: its checksum does not fit")
    return count - 1


def take(file: TextIO, source: Source) -> dict[str, int]:
    """Send the events of a checked file through the door; what became of them, by outcome."""
    found = dict.fromkeys(("accepted", "duplicate", "conflict", "rejected"), 0)
    bodies = (_read(line)["body"] for line in file if '"body"' in line)
    for batch in _batches(bodies):
        receipt = receive([body.encode() for body in batch], source)
        for outcome in found:
            found[outcome] += getattr(receipt, outcome)
    return found


def _line(members: dict[str, Any]) -> str:
    return json.dumps(members, ensure_ascii=False) + "\n"


def _read(line: str) -> dict[str, Any]:
    try:
        members = json.loads(line)
    except ValueError as error:
        raise BadBackup("a line is no JSON") from error
    if not isinstance(members, dict):
        raise BadBackup("a line is no JSON object")
    return members


def _batches(bodies: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(bodies)
    while batch := list(islice(iterator, AT_ONCE)):
        yield batch
