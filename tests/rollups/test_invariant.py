"""A state machine over events, rolls, aborts and open transactions; checked after every step."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from analytics import rollups, uniques
from analytics.models import Grain
from billing.models import Network
from billing.registry import register_asset
from tests.conftest import reset_database
from tests.ingest.events import NOW, event, failed, post, received, settled
from tests.rollups.invariant import assert_invariant, wrong_uniques

QUARTER = 900_000
PAYMENTS = st.sampled_from(["a", "b", "c"])
OFFSETS = st.sampled_from([0, -1, -QUARTER, -4 * QUARTER, -96 * QUARTER, -200 * QUARTER])
NETWORKS = st.sampled_from(["base", "solana", "base-sepolia", "eip155:777"])


class Abort(Exception):
    """Ends a transaction on purpose."""


class OpenTransaction:
    """A transaction on a connection of its own, held open between steps of the test."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._atomic = transaction.atomic()
        self.run(self._atomic.__enter__)

    def run(self, work: Callable[[], Any]) -> Any:
        """Do something inside it."""
        return self._thread.submit(work).result(120)

    def end(self, commit: bool) -> None:
        """Commit or roll back, and give the connection back."""
        args = (None, None, None) if commit else (Abort, Abort(), None)
        self.run(lambda: self._atomic.__exit__(*args))
        self.run(lambda: connection.close())
        self._thread.shutdown()


class Rollups(RuleBasedStateMachine):
    """Whatever happens, in any order, a read is right."""

    def __init__(self) -> None:
        super().__init__()
        self.serial = 0
        self.writer: OpenTransaction | None = None
        self.roller: OpenTransaction | None = None
        self.steps: list[Callable[[], Any]] = []

    def _id(self) -> str:
        self.serial += 1
        return f"e{self.serial}"

    def _event(self, kind: str, payment: str, at: int, network: str) -> dict[str, Any]:
        return {
            "received": received(payment, at, network=network, id=self._id()),
            "settled": settled(payment, at, id=self._id(), gasUsed=7, effectiveGasPrice=3),
            "failed": failed(payment, at, id=self._id(), error="x"),
            "reversed": event("payment:reversed", payment, at, id=self._id()),
            "refunded": event("payment:refunded", payment, at, id=self._id(), amount="0.01"),
        }[kind]

    KINDS = st.sampled_from(["received", "settled", "settled", "failed", "reversed", "refunded"])

    @rule(kind=KINDS, payment=PAYMENTS, at=OFFSETS, network=NETWORKS)
    @precondition(lambda self: self.writer is None)
    def post(self, kind: str, payment: str, at: int, network: str) -> None:
        """Post one event: new, late or a correction."""
        post(self._event(kind, payment, at, network))

    @rule(kind=KINDS, payment=PAYMENTS, at=OFFSETS, network=NETWORKS)
    @precondition(lambda self: self.writer is None)
    def begin_write(self, kind: str, payment: str, at: int, network: str) -> None:
        """Post in a transaction that stays open for a while."""
        self.writer = OpenTransaction()
        written = self._event(kind, payment, at, network)
        self.writer.run(lambda: post(written))

    @rule(commit=st.booleans())
    @precondition(lambda self: self.writer is not None)
    def end_write(self, commit: bool) -> None:
        """Commit or abort it."""
        assert self.writer is not None
        self.writer.end(commit)
        self.writer = None

    @rule(grain=st.sampled_from(list(Grain)), limit=st.integers(1, 5))
    def roll(self, grain: Grain, limit: int) -> None:
        """Roll some stale buckets of one grain."""
        buckets = rollups.stale_buckets(grain, limit)
        if buckets:
            rollups.roll(grain, buckets)

    @rule(grain=st.sampled_from(list(Grain)))
    def abort_a_roll(self, grain: Grain) -> None:
        """Roll, and die before the commit."""
        buckets = rollups.stale_buckets(grain, 3)
        with transaction.atomic():
            rollups.roll(grain, buckets)
            transaction.set_rollback(True)

    @rule(grain=st.sampled_from(list(Grain)))
    @precondition(lambda self: self.roller is None)
    def begin_slow_roll(self, grain: Grain) -> None:
        """A worker locks its buckets and is then slow between its steps."""
        buckets = rollups.stale_buckets(grain, 3)
        if not buckets:
            return
        self.roller = OpenTransaction()

        def locked() -> list[datetime]:
            with connection.cursor() as cursor:
                return rollups.lock(cursor, grain, buckets)

        mine = self.roller.run(locked)

        def runs(step: Callable[..., None]) -> Callable[[], None]:
            def run() -> None:
                with connection.cursor() as cursor:
                    step(cursor, rollups.LEVELS[grain], mine)

            return run

        self.steps = [runs(step) for step in rollups.STEPS]

    @rule()
    @precondition(lambda self: self.roller is not None and bool(self.steps))
    def next_step_of_slow_roll(self) -> None:
        """It does one more step."""
        assert self.roller is not None
        self.roller.run(self.steps.pop(0))

    @rule(commit=st.booleans())
    @precondition(lambda self: self.roller is not None)
    def end_slow_roll(self, commit: bool) -> None:
        """It finishes (doing what is left), or dies."""
        assert self.roller is not None
        while commit and self.steps:
            self.next_step_of_slow_roll()
        self.steps = []
        self.roller.end(commit)
        self.roller = None

    @rule(kind=KINDS, payment=PAYMENTS, at=OFFSETS, network=NETWORKS)
    @precondition(lambda self: self.writer is None and len(self.steps) in (1, 2))
    def post_between_the_steps(self, kind: str, payment: str, at: int, network: str) -> None:
        """An event commits while the slow worker is between two steps."""
        post(self._event(kind, payment, at, network))

    @rule()
    @precondition(lambda self: self.writer is None and self.roller is None)
    def register_an_asset(self) -> None:
        """Staff change a peg: stored values follow."""
        base = Network.objects.get(pk="eip155:8453")
        self.serial += 1
        address = "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"
        register_asset(base, address, usd_peg=Decimal(self.serial), decimals=6)

    @rule()
    def mark(self) -> None:
        """Somebody asks for a rebuild."""
        now = datetime.fromtimestamp(NOW / 1000, UTC)
        rollups.mark_range(now - timedelta(hours=1), now)

    @rule()
    def fold(self) -> None:
        """Fold running totals and unique counts."""
        rollups.fold_totals(1)
        uniques.roll_unique_days()

    @invariant()
    def every_read_is_right(self) -> None:
        """One snapshot, live = raw."""
        assert_invariant()
        assert wrong_uniques() == []

    def teardown(self) -> None:
        """Leave nothing open, nothing stored."""
        for held in (self.writer, self.roller):
            if held is not None:
                held.end(commit=False)
        reset_database()


@pytest.mark.parametrize("done", range(4))
@pytest.mark.parametrize("grain", list(Grain))
def test_a_fact_that_commits_during_a_roll_is_not_lost(
    committed_db: None, grain: Grain, done: int
) -> None:
    """`done` steps of the roll come before the fact, the others after it."""
    post(received("a"), settled("a"))
    for finer in [g for g in Grain if g < grain]:
        rollups.roll(finer, rollups.stale_buckets(finer, 9))
    buckets = rollups.stale_buckets(grain, 9)
    other = OpenTransaction()

    def step(number: int) -> None:
        with connection.cursor() as cursor:
            if number == 0:
                assert rollups.lock(cursor, grain, buckets) == buckets
            rollups.STEPS[number](cursor, rollups.LEVELS[grain], buckets)

    for number in range(3):
        if number == done:
            post(received("b"), settled("b"))
        other.run(partial(step, number))
    if done == 3:
        post(received("b"), settled("b"))
    other.end(commit=True)
    assert_invariant()
    rollups.roll_stale(5)
    assert rollups.status()["quarters"] == 0
    assert_invariant()


@pytest.mark.xdist_group("state machine")
def test_every_read_is_right_whatever_happens(committed_db: None) -> None:
    Rollups.TestCase.settings = settings(
        max_examples=25,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    Rollups.TestCase().runTest()
