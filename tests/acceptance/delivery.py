"""Concurrent producers, each a process of its own with its share of the traffic."""

import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context

from tests.acceptance.client import Client
from tests.acceptance.traffic import body, requests

PRODUCERS = 4
CONTEXT = get_context("spawn")


class Pace:
    """How many lines have begun their way, and how many may have: the same in every process.

    A run that spreads something over the delivery holds it back by this, so that it happens in the
    midst of the traffic on a fast machine as on a slow one.
    """

    def __init__(self) -> None:
        self._begun = CONTEXT.Value("q", 0)
        self._allowed = CONTEXT.Value("q", sys.maxsize)

    @property
    def begun(self) -> int:
        """Lines whose sending began or waits for leave."""
        begun: int = self._begun.value
        return begun

    def allow(self, lines: int) -> None:
        """Hold back whatever begins after so many lines."""
        self._allowed.value = lines

    def begin(self, lines: int) -> None:
        """Announce the next lines; returns when they may go."""
        with self._begun.get_lock():
            self._begun.value += lines
            mine = self._begun.value
        while mine > self._allowed.value:
            time.sleep(0.01)


_pace: Pace


def _keep(pace: Pace) -> None:
    """Give a producer's process the pace: shared memory travels to a process at its start only."""
    global _pace
    _pace = pace


@dataclass
class Acknowledged:
    """What the portal answered: outcomes counted, and the ids it took."""

    counts: Counter[str] = field(default_factory=Counter)
    ids: set[str] = field(default_factory=set)
    requests: int = 0
    repeats: int = 0

    def add(self, other: "Acknowledged") -> None:
        """Take in another producer's."""
        self.counts += other.counts
        self.ids |= other.ids
        self.requests += other.requests
        self.repeats += other.repeats


@dataclass(frozen=True)
class Share:
    """One producer's work."""

    lines: Sequence[bytes]
    url: str
    token: str
    seed: int
    patience: float


def deliver(
    lines: Sequence[bytes],
    url: str,
    token: str,
    *,
    seed: int,
    patience: float = 30,
    pace: Pace | None = None,
) -> Acknowledged:
    """Send all lines by four processes at once; returns when every request was answered."""
    shares = [Share(lines[n::PRODUCERS], url, token, seed + n, patience) for n in range(PRODUCERS)]
    everything = Acknowledged()
    with CONTEXT.Pool(PRODUCERS, _keep, (pace or Pace(),)) as pool:
        for one in pool.imap_unordered(send, shares):
            everything.add(one)
    return everything


def send(share: Share) -> Acknowledged:
    """Send one share, request by request."""
    rng = random.Random(share.seed)
    client = Client(share.url, share.token, share.patience)
    done = Acknowledged()
    for content_type, lines in requests(rng, list(share.lines)):
        _pace.begin(len(lines))
        answer = client.post(content_type, body(rng, content_type, lines))
        counted = {name: answer[name] for name in ("accepted", "duplicate", "conflict", "rejected")}
        if sum(counted.values()) != len(lines) or len(answer["results"]) != len(lines):
            raise AssertionError(f"{len(lines)} events sent, answered {counted}")
        done.counts.update(counted)
        done.ids |= {r["id"] for r in answer["results"] if r["status"] != "rejected"}
        done.requests += 1
    done.repeats = client.repeats
    return done
