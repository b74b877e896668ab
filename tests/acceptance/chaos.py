"""Everything that can go wrong, one after the other, while events come in.

    python -m tests.acceptance.chaos --port 8765 --data-dir /tmp/chaos

Starts its own stack with `dev.py up`. During each fault its share of the traffic is delivered; then
the stack must be ready again by itself, with all that was acknowledged and nothing twice. In the
end every report must equal the oracle. The data directory must be new.
"""

import argparse
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.acceptance.client import Client
from tests.acceptance.crash_run import check_events, check_nothing_twice, pages
from tests.acceptance.delivery import Acknowledged, Pace, deliver
from tests.acceptance.faults import FAULTS, Fault, can_mount, full_disk, small_disk
from tests.acceptance.mixed_load import check_figures, say
from tests.acceptance.stack import Stack
from tests.acceptance.traffic import Traffic, mixed

TOKEN = "acceptance-token-0123456789-0123456789"
PATIENCE_SECONDS = 240
DISK_MEGABYTES = 3_000
MOMENT_SECONDS = 0.05


@dataclass
class Outcome:
    """What became of a fault's share of the traffic."""

    fault: str
    acknowledged: int
    lost: int
    doubled: int
    recovery_seconds: float
    said: str
    refusals: int

    @property
    def is_good(self) -> bool:
        """Nothing lost, nothing twice, and the system spoke of the fault."""
        return not self.lost and not self.doubled and bool(self.said)


@dataclass
class Watch:
    """Asks /readyz all the time; `answers` counts what it said, 0 = nothing."""

    url: str
    answers: Counter[int] = field(default_factory=Counter)
    _end: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def open(self) -> Iterator["Watch"]:
        """Watch while entered."""
        thread = threading.Thread(target=self._look, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._end.set()
            thread.join()

    @property
    def refusals(self) -> int:
        """How often it was not ready."""
        return self.answers.total() - self.answers[200]

    def _look(self) -> None:
        while not self._end.wait(MOMENT_SECONDS):
            self.answers[readiness(self.url)] += 1


def readiness(url: str) -> int:
    """The status of /readyz, 0 when there is no answer."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=15) as answer:  # noqa: S310 - loopback
            status: int = answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
    return status


def main(arguments: list[str] | None = None) -> int:
    """Run; 0 when every fault was survived and every figure is right."""
    options = _options().parse_args(arguments)
    chosen = [fault for fault in FAULTS if options.only in fault.name]
    with ExitStack() as mounted:
        if can_mount():
            mounted.enter_context(small_disk(options.data_dir, DISK_MEGABYTES))
        else:
            chosen = [fault for fault in chosen if fault.inject is not full_disk]
            say("NOT RUN: no space left on the disk, since this user may not mount a small one")
        stack = Stack(options.port, options.data_dir, TOKEN)
        say(f"starting a stack in {options.data_dir}")
        stack.start()
        try:
            return 0 if _suffer(stack, chosen, options) else 1
        finally:
            stack.stop()


def _suffer(stack: Stack, faults: list[Fault], options: argparse.Namespace) -> bool:
    now_ms = int(time.time() * 1000)
    traffic = mixed(options.events * len(faults), options.seed, now_ms)
    everything, outcomes = Acknowledged(), []
    for number, fault in enumerate(faults):
        lines = traffic.lines[number * options.events : (number + 1) * options.events]
        done, outcome = _survive(stack, fault, lines, options)
        everything.add(done)
        outcomes.append(outcome)
        say(f"{fault.name}: {outcome.said or 'THE SYSTEM SAID NOTHING'}")
    say(table(outcomes))
    return _check(stack, traffic, everything, outcomes, now_ms)


def _check(
    stack: Stack, traffic: Traffic, done: Acknowledged, outcomes: list[Outcome], now_ms: int
) -> bool:
    client = Client(stack.url, TOKEN, PATIENCE_SECONDS)
    is_right = check_events(client, traffic, done) and check_nothing_twice(client)
    tallies = check_figures(client, traffic, now_ms * 1000, expires=True)
    is_right = is_right and not any(tally.wrong for tally in tallies.values())
    return is_right and all(outcome.is_good for outcome in outcomes)


def _survive(
    stack: Stack, fault: Fault, lines: list[bytes], options: argparse.Namespace
) -> tuple[Acknowledged, Outcome]:
    """Deliver a share; the fault is injected in its midst, and the rest waits for that."""
    log = stack.data_dir / f"{fault.log}.log"
    read = log.stat().st_size if log.exists() else 0
    pace, done = Pace(), Acknowledged()
    pace.allow(len(lines) // 3)
    producers = threading.Thread(
        target=lambda: done.add(
            deliver(
                lines,
                stack.url,
                TOKEN,
                seed=options.seed,
                patience=PATIENCE_SECONDS,
                pace=pace,
            )
        ),
        daemon=True,
    )
    producers.start()
    with Watch(stack.url).open() as watch:
        while pace.begun < len(lines) // 3 and producers.is_alive():
            time.sleep(MOMENT_SECONDS)
        with fault.inject(stack):
            pace.allow(len(lines))
            _go_on(fault, log, read, options.seconds)
        over = time.monotonic()
        producers.join()
        _again_until_felt(fault, stack, watch)
        _await(lambda: readiness(stack.url) == 200)
        recovery = time.monotonic() - over
    return done, _outcome(stack, fault, done, recovery, log.read_bytes()[read:], watch)


def _again_until_felt(fault: Fault, stack: Stack, watch: Watch) -> None:
    """A server that is back within one question to /readyz was not seen to be away."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while fault.is_felt and not watch.refusals:
        if time.monotonic() > deadline:
            raise AssertionError("/readyz never said that the stack was not ready")
        _await(lambda: readiness(stack.url) == 200)
        with fault.inject(stack):
            time.sleep(1)


def _go_on(fault: Fault, log: Path, read: int, seconds: float) -> None:
    """Let a fault that lasts do so for a while, and until a process of the stack has met it."""
    if not fault.lasts:
        return
    time.sleep(seconds)
    if fault.log != "logs/chaos":
        _await(lambda: log.exists() and fault.words.encode() in log.read_bytes()[read:])


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("the stack did not get there in time")
        time.sleep(MOMENT_SECONDS)


def _outcome(
    stack: Stack, fault: Fault, done: Acknowledged, recovery: float, log: bytes, watch: Watch
) -> Outcome:
    client = Client(stack.url, TOKEN, PATIENCE_SECONDS)
    stored = Counter(row["event_id"] for row in pages(client, "/api/v1/events/"))
    words = [line for line in log.decode(errors="replace").splitlines() if fault.words in line]
    return Outcome(
        fault=fault.name,
        acknowledged=done.counts["accepted"] + done.counts["duplicate"],
        lost=len(done.ids - set(stored)),
        doubled=sum(1 for times in stored.values() if times > 1),
        recovery_seconds=recovery,
        said=words[0].strip() if words else "",
        refusals=watch.refusals,
    )


def table(outcomes: list[Outcome]) -> str:
    """One line a fault."""
    head = f"{'fault':<32}{'acknowledged':>13}{'lost':>6}{'doubled':>9}{'not ready':>11}"
    lines = [f"{head}{'recovery s':>12}"]
    lines += [
        f"{one.fault:<32}{one.acknowledged:>13}{one.lost:>6}{one.doubled:>9}{one.refusals:>11}"
        f"{one.recovery_seconds:>12.1f}"
        for one in outcomes
    ]
    return "\n".join(lines)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--events", type=int, default=4_000, help="delivered during each fault")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long a fault lasts")
    parser.add_argument("--only", default="", help="faults whose name has these words")
    parser.add_argument("--seed", type=int, default=4)
    return parser


if __name__ == "__main__":
    sys.exit(main())
