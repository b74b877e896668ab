"""The slow stream: a payment every now and then, its stages at the moments they happen.

What happens in a second depends on the seed and that second alone, so a restarted stream, or two
at once, send equal events.
"""

import heapq
import sys
import time
from datetime import UTC, datetime
from threading import Event as Signal

from billing.demo.days import source
from billing.demo.delivery import encode
from billing.demo.payments import draw_payment, payment_events
from billing.demo.sender import DeliveryRefused, Door

UNSENT_LIMIT = 10_000
Due = tuple[int, bytes]


def second_events(seed: int, second: int, rate: float) -> list[Due]:
    """The events, with the time each is due, of the payments that start in this second."""
    rng = source(seed, "live", second)
    count = int(rate) + (rng.random() < rate % 1)
    due: list[Due] = []
    for number in range(count):
        started_ms = second * 1000 + rng.randrange(1000)
        name = f"live-{datetime.fromtimestamp(second, UTC):%Y%m%d-%H%M%S}-{number}"
        payment = draw_payment(rng, name, started_ms)
        events = payment_events(rng, payment)
        due += [(event["data"]["timestamp"], encode(event)) for event in events]
    return due


def stream(door: Door, seed: int, rate: float, stop: Signal) -> None:
    """Send what is due every second until `stop` is set; keeps what could not be delivered."""
    waiting: list[Due] = []
    unsent: list[bytes] = []
    second = int(time.time())
    while not stop.wait(max(0.0, second + 1 - time.time())):
        for due in second_events(seed, second, rate):
            heapq.heappush(waiting, due)
        second = max(second + 1, int(time.time()) - 1)
        while waiting and waiting[0][0] <= time.time() * 1000:
            unsent.append(heapq.heappop(waiting)[1])
        unsent = _deliver(door, unsent[-UNSENT_LIMIT:])


def _deliver(door: Door, lines: list[bytes]) -> list[bytes]:
    if not lines:
        return []
    try:
        door.post(lines)
    except DeliveryRefused as refusal:
        sys.stderr.write(f"demo: {refusal}; trying again\n")
        return lines
    return []
