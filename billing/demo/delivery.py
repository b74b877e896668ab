"""How events arrive: newest days first, shuffled, some twice, some late, a few broken."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime

from billing.demo.days import day_events, day_sizes, source
from billing.demo.payments import Event

BATCH_SIZE = 1_000
DUPLICATE_SHARE = 0.02
LATE_SHARE = 0.01
SOME_TIME_MS = 1_790_000_000_000


def encode(event: Event) -> bytes:
    """One line of NDJSON, without the line end."""
    return json.dumps(event, separators=(",", ":")).encode()


def history(*, seed: int, days: int, payments: int, now: datetime) -> Iterator[list[bytes]]:
    """Requests of about 1,000 events each, up to `now`; the late ones come last."""
    waiting: list[bytes] = []
    late: list[bytes] = []
    now_ms = int(now.timestamp() * 1000)
    for day, size in day_sizes(now.astimezone(UTC).date(), days, payments).items():
        rng = source(seed, day, "delivery")
        arrived = [e for e in day_events(seed, day, size) if e["data"]["timestamp"] <= now_ms]
        for line in _deliveries(rng, arrived):
            (late if rng.random() < LATE_SHARE else waiting).append(line)
        while len(waiting) >= BATCH_SIZE:
            yield waiting[:BATCH_SIZE]
            waiting = waiting[BATCH_SIZE:]
    yield from _batches([*waiting, *late, *malformed(seed)])


def _deliveries(rng: random.Random, events: list[Event]) -> list[bytes]:
    lines = [encode(event) for event in events]
    lines += [line for line in lines if rng.random() < DUPLICATE_SHARE]
    rng.shuffle(lines)
    return lines


def _batches(lines: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(lines), BATCH_SIZE):
        yield lines[start : start + BATCH_SIZE]


def malformed(seed: int) -> list[bytes]:
    """What a producer with a bug would send; the portal keeps it apart, for staff to see."""
    broken = {"paymentId": f"demo-broken-{seed}", "timestamp": SOME_TIME_MS}
    return [
        b'{"type":"payment:settled","data":{"paymentId":"demo-cut-off","fee":"0.0',
        encode({"type": "payment:received", "data": {"amount": "1.0", "timestamp": SOME_TIME_MS}}),
        encode({"type": "payment:received", "data": broken | {"amount": "-4.20"}}),
        encode({"type": "payment:settled", "data": broken | {"timestamp": "last tuesday"}}),
        encode({"type": "revenue:recorded", "data": broken | {"kind": "premium", "amount": "19"}}),
    ]
