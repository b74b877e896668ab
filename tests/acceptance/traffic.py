"""Mixed traffic: payments in every state and disguise, shuffled, repeated and broken."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.acceptance.lives import Life, batch_event, payment_life, revenue_event
from tests.acceptance.malformed import NOT_JSON, malformed

DUPLICATED, MALFORMED, CONFLICTING = 0.20, 0.05, 0.01
BOUND = 2_000


@dataclass(frozen=True)
class Traffic:
    """What is sent, and what its maker knows of it."""

    lines: list[bytes]
    valid: list[bytes]
    accepted: int
    duplicate: int
    conflict: int
    rejected: int

    @property
    def expected(self) -> dict[str, int]:
        """The counts that a portal must answer with, summed over all requests."""
        return {
            "accepted": self.accepted,
            "duplicate": self.duplicate,
            "conflict": self.conflict,
            "rejected": self.rejected,
        }


def mixed(size: int, seed: int, now_ms: int) -> Traffic:
    """`size` events up to `now_ms`: a fifth sent again, a twentieth broken, some contradicted."""
    rng = random.Random(seed)
    duplicate, rejected = round(size * DUPLICATED), round(size * MALFORMED)
    conflict = round(size * CONFLICTING)
    accepted = size - duplicate - rejected - conflict
    events = _take(_events(rng, now_ms), accepted)
    named = [event for event in events if "id" in event]
    lines = [_encode(rng, event) for event in events]
    contradictions = [
        _encode(rng, event | {"data": event["data"] | {"note": "another body"}})
        for event in rng.sample(named, conflict)
    ]
    # who is contradicted is sent once, so that whichever body comes first, one is a conflict
    contradicted = {json.loads(line)["id"] for line in contradictions}
    repeatable = [event for event in events if event.get("id") not in contradicted]
    again = [_encode(rng, event) for event in rng.choices(repeatable, k=duplicate)]
    broken = [malformed(rng) for _ in range(rejected)]
    everything = [*lines, *contradictions, *again, *broken]
    rng.shuffle(everything)
    return Traffic(everything, lines, accepted, duplicate, conflict, rejected)


def _take(source: Iterator[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Distinct events: two without an id that say the same are one."""
    taken: dict[str, dict[str, Any]] = {}
    while len(taken) < count:
        event = next(source)
        taken.setdefault(event.get("id") or json.dumps(event, sort_keys=True), event)
    return list(taken.values())


def _events(rng: random.Random, now_ms: int) -> Iterator[dict[str, Any]]:
    number = 0
    while True:
        number += 1
        if number % 11 == 0:
            yield revenue_event(rng, number, now_ms)
            continue
        if number % 37 == 0:
            yield batch_event(rng, number, now_ms)
            continue
        if number % 97 == 0:
            data = {"seen": number, "timestamp": now_ms}
            yield {"id": f"other-{number}", "type": "agent:registered", "data": data}
            continue
        yield from payment_life(Life(rng, f"pay-{number:06d}", now_ms))


def _encode(rng: random.Random, event: dict[str, Any]) -> bytes:
    """The event as some producer would write it: keys in any order, spaces or none."""
    data = dict(rng.sample(sorted(event["data"].items()), len(event["data"])))
    parts = rng.sample(sorted((event | {"data": data}).items()), len(event))
    separators = rng.choice(((",", ":"), (", ", ": "), (" , ", " :  ")))
    return json.dumps(dict(parts), separators=separators, ensure_ascii=rng.random() < 0.5).encode()


def requests(rng: random.Random, lines: list[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Cut lines into requests of any size and form: (content type, lines)."""
    rest = lines
    while rest:
        size = rng.choice((1, rng.randint(2, 100), rng.randint(100, BOUND)))
        chunk, rest = rest[:size], rest[size:]
        plain = any(line in NOT_JSON for line in chunk) or rng.random() < 0.5
        yield "application/x-ndjson" if plain else "application/json", chunk


def body(rng: random.Random, content_type: str, lines: list[bytes]) -> bytes:
    """The bytes of a request."""
    if content_type == "application/x-ndjson":
        return b"\n".join(lines) + rng.choice((b"", b"\n", b"\r\n"))
    array = b"[" + b",".join(lines) + b"]"
    return array if rng.random() < 0.5 else b'{"events":' + array + b"}"
