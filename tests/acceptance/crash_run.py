"""The mixed load while web, worker, PostgreSQL and Valkey are killed with SIGKILL, again and again.

    python -m tests.acceptance.crash_run --port 8765 --data-dir /tmp/crash

Starts its own stack with `dev.py up`. Whatever was acknowledged must be there afterwards, nothing
twice, and every report must equal the oracle. The data directory must be new.
"""

import argparse
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from tests.acceptance.client import Client
from tests.acceptance.delivery import Acknowledged, Pace, deliver
from tests.acceptance.mixed_load import check_figures, say
from tests.acceptance.stack import PARTS, Stack
from tests.acceptance.traffic import Traffic, mixed
from tests.oracle.exact import event_id, parse

PATIENCE_SECONDS = 240
MOMENT_SECONDS = 0.05
TOKEN = "acceptance-token-0123456789-0123456789"
PAGE = {"page_size": "1000"}


@dataclass
class Saboteur:
    """Kills the parts in turn, `kills` times in all, spread evenly over the traffic.

    Each share of the lines has one kill at a random moment in it, and the next share waits for it:
    however fast the machine, the delivery is never over before the kills are.
    """

    stack: Stack
    rng: random.Random
    lines: int
    kills: int
    pace: Pace = field(default_factory=Pace)
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self.pace.allow(self._until(0))
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End and wait for it."""
        self._end.set()
        if self._thread:
            self._thread.join()

    def _until(self, turn: int) -> int:
        return self.lines * (turn + 1) // self.kills

    def _go_on(self) -> None:
        for turn, name in enumerate(islice(self._victims(), self.kills)):
            moment = self.rng.uniform(self._until(turn - 1), self._until(turn))
            while self.pace.begun < moment or (pid := self.stack.kill(name)) is None:
                if self._end.wait(MOMENT_SECONDS):
                    return
            say(f"SIGKILL {name} {pid}")
            self.pace.allow(self._until(turn + 1))

    def _victims(self) -> Iterator[str]:
        while True:
            yield from self.rng.sample(sorted(PARTS), len(PARTS))


def main(arguments: list[str] | None = None) -> int:
    """Run; 0 when nothing acknowledged is missing, nothing is twice and every figure is right."""
    options = _options().parse_args(arguments)
    stack = Stack(options.port, options.data_dir, TOKEN)
    say(f"starting a stack in {options.data_dir}")
    stack.start()
    try:
        return 0 if _crash_and_check(stack, options) else 1
    finally:
        stack.stop()


def _crash_and_check(stack: Stack, options: argparse.Namespace) -> bool:
    now_ms = int(time.time() * 1000)
    traffic = mixed(options.events, options.seed, now_ms)
    done = _deliver_under_fire(stack, traffic, options)
    (options.data_dir / "acknowledged.txt").write_text("\n".join(sorted(done.ids)))
    victims = ", ".join(f"{name} {pid}" for name, pid in stack.killed)
    say(f"killed with SIGKILL: {victims}")
    say(f"{done.requests} requests, tried again {done.repeats} times")
    say(f"{len(done.ids)} ids acknowledged, listed in {options.data_dir / 'acknowledged.txt'}")
    stack.await_ready()
    client = Client(stack.url, TOKEN, PATIENCE_SECONDS)
    is_right = check_answers(traffic, done) and check_events(client, traffic, done)
    is_right = check_nothing_twice(client) and is_right
    tallies = check_figures(client, traffic, now_ms * 1000, expires=True)
    return is_right and not any(tally.wrong for tally in tallies.values())


def _deliver_under_fire(
    stack: Stack, traffic: Traffic, options: argparse.Namespace
) -> Acknowledged:
    seed, lines = options.seed, traffic.lines
    saboteur = Saboteur(stack, random.Random(seed), len(lines), options.kills)
    saboteur.start()
    try:
        return deliver(
            lines, stack.url, TOKEN, seed=seed, patience=PATIENCE_SECONDS, pace=saboteur.pace
        )
    finally:
        saboteur.stop()


def check_answers(traffic: Traffic, done: Acknowledged) -> bool:
    """Every event was answered; an answer that was lost shows as a duplicate the second time."""
    counts, expected = done.counts, traffic.expected
    say(f"sent {len(traffic.lines)} = answered {counts.total()}: {dict(counts)}")
    return (
        counts.total() == len(traffic.lines)
        and counts["rejected"] == expected["rejected"]
        and counts["accepted"] <= expected["accepted"]
    )


def check_events(client: Client, traffic: Traffic, done: Acknowledged) -> bool:
    """The inbox holds exactly the distinct events, among them all that were acknowledged."""
    own = (row for row in pages(client, "/api/v1/events/") if row["type"] != "payment:expired")
    stored = Counter(row["event_id"] for row in own)
    missing = done.ids - set(stored)
    strangers = set(stored) - {event_id(parse(line)) for line in traffic.valid}
    twice = [identity for identity, times in stored.items() if times > 1]
    say(
        f"events stored: {len(stored)}; acknowledged but missing: {len(missing)}; "
        f"not sent: {len(strangers)}; twice: {len(twice)}"
    )
    return not missing and not strangers and not twice and len(stored) == traffic.accepted


def check_nothing_twice(client: Client) -> bool:
    """Each payment is one row and has one fee."""
    payments = Counter(row["payment_id"] for row in pages(client, "/api/v1/payments/"))
    records = pages(client, "/api/v1/revenue-records/", kind="facilitator_fee")
    fees = Counter(row["payment_id"] for row in records)
    say(f"payments: {len(payments)}, most rows of one: {max(payments.values())}")
    say(f"fees: {len(fees)}, most rows of one payment: {max(fees.values())}")
    return max(payments.values()) == 1 and max(fees.values()) == 1


def pages(client: Client, path: str, **filters: str) -> Iterator[dict[str, Any]]:
    """Every record of a list."""
    page = client.get(path, PAGE | filters)
    while True:
        yield from page["results"]
        if not page["next"]:
            return
        page = client.get(page["next"].removeprefix(client.url))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=3)
    # the launcher waits longer after every crash of a part: too many kills are no crash but a siege
    parser.add_argument("--kills", type=int, default=12)
    return parser


if __name__ == "__main__":
    sys.exit(main())
