"""Real connections, write load, workers that die: not one wrong read."""

import random
import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from analytics import rollups
from analytics.models import Grain
from tests.ingest.events import event, post, received, settled
from tests.rollups.invariant import assert_invariant, wrong_reads

SECONDS = 5.0


class Abort(Exception):
    """A worker dies in the middle."""


def _writer(seed: int, stop: threading.Event) -> int:
    chance = random.Random(seed)
    count = 0
    while not stop.is_set():
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
    return count


def _roller(seed: int, stop: threading.Event) -> int:
    chance = random.Random(seed)
    count = 0
    while not stop.is_set():
        grain = chance.choice(list(Grain))
        try:
            with transaction.atomic():
                buckets = rollups.stale_buckets(grain, 4)
                count += len(rollups.roll(grain, buckets) if buckets else [])
                if chance.random() < 0.1:
                    raise Abort
        except Abort:
            continue
        rollups.fold_totals(0.01)
    return count


def _reader(_seed: int, stop: threading.Event) -> int:
    count = 0
    while not stop.is_set():
        assert wrong_reads() == []
        count += 1
    return count


@pytest.mark.xdist_group("state machine")
def test_no_read_is_wrong_under_write_load(committed_db: None) -> None:
    stop = threading.Event()
    done: dict[str, int] = {}
    failures: list[str] = []

    def run(name: str, work: Callable[[int, threading.Event], int], seed: int) -> None:
        try:
            done[name] = work(seed, stop)
        except BaseException as error:  # noqa: BLE001 - carried to the asserting thread
            failures.append(f"{name}: {error!r}")
            stop.set()
        finally:
            connection.close()

    crew = [("writer", _writer)] * 3 + [("roller", _roller)] * 2 + [("reader", _reader)]
    threads = [
        threading.Thread(target=run, args=(f"{name} {seed}", work, seed))
        for seed, (name, work) in enumerate(crew)
    ]
    for thread in threads:
        thread.start()
    stop.wait(SECONDS)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert done["reader 5"] > 3
    assert sum(done[f"writer {n}"] for n in range(3)) > 20
    assert done["roller 3"] + done["roller 4"] > 5
    assert_invariant()
    rollups.roll_stale(30)
    assert rollups.status()["quarters"] == 0
    assert_invariant()
