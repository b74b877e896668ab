"""Real connections, write load, workers that die: not one wrong read."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from django.db import connection, transaction

from analytics import rollups
from analytics.models import Grain
from tests.ingest.events import event, post, received, settled
from tests.rollups.invariant import assert_invariant, wrong_reads

# How much of each must have happened while the others were at it, however long that takes.
ENOUGH = {"reader": 60, "writer": 100, "roller": 100}
PATIENCE_SECONDS = 120.0


@dataclass
class Work:
    """What was done so far, and whether that is enough."""

    stop: threading.Event = field(default_factory=threading.Event)
    _done: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, count: int = 1) -> None:
        """Count; end the test once there was enough of everything."""
        with self._lock:
            self._done[kind] += count
            if all(self._done[name] >= wanted for name, wanted in ENOUGH.items()):
                self.stop.set()


class Abort(Exception):
    """A worker dies in the middle."""


def _writer(seed: int, work: Work) -> None:
    chance = random.Random(seed)
    count = 0
    while not work.stop.is_set():
        count += 1
        name, at = f"w{seed}-{chance.randint(1, 40)}", chance.randint(-6, 0) * 450_000
        aborts = chance.random() < 0.05
        try:
            with transaction.atomic():
                post(received(name, at), settled(name, at + 1, transaction=f"0x{count}"))
                post(event("payment:refunded", name, at, amount="0.01", id=f"{seed}-{count}"))
                time.sleep(chance.random() * 0.02)
                if aborts:
                    raise Abort
        except Abort:
            continue
        work.add("writer")


def _roller(seed: int, work: Work) -> None:
    chance = random.Random(seed)
    while not work.stop.is_set():
        grain = chance.choice(list(Grain))
        try:
            with transaction.atomic():
                buckets = rollups.stale_buckets(grain, 4)
                rolled = rollups.roll(grain, buckets) if buckets else []
                if chance.random() < 0.1:
                    raise Abort
        except Abort:
            continue
        work.add("roller", len(rolled))
        rollups.fold_totals(0.01)


def _reader(_seed: int, work: Work) -> None:
    while not work.stop.is_set():
        assert wrong_reads() == []
        work.add("reader")


@pytest.mark.xdist_group("state machine")
def test_no_read_is_wrong_under_write_load(committed_db: None) -> None:
    work = Work()
    failures: list[str] = []

    def run(name: str, role: Callable[[int, Work], None], seed: int) -> None:
        try:
            role(seed, work)
        except BaseException as error:  # noqa: BLE001 - carried to the asserting thread
            failures.append(f"{name}: {error!r}")
            work.stop.set()
        finally:
            connection.close()

    crew = [("writer", _writer)] * 3 + [("roller", _roller)] * 2 + [("reader", _reader)]
    threads = [
        threading.Thread(target=run, args=(f"{name} {seed}", role, seed))
        for seed, (name, role) in enumerate(crew)
    ]
    for thread in threads:
        thread.start()
    was_enough = work.stop.wait(PATIENCE_SECONDS)
    work.stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert was_enough
    assert_invariant()
    rollups.roll_stale(30)
    assert rollups.status()["quarters"] == 0
    assert_invariant()
