"""The final state is a pure function of the set of events: any order, any number of times."""

import itertools
import json
import random
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.rollups import roll_stale
from billing.ingest import receive
from billing.models import Source
from tests.ingest.events import event, failed, post, received, settled

STATE = """
select jsonb_build_object(
    'payments', (select jsonb_agg(to_jsonb(p) - 'id' order by p.payment_id) from billing_payment p),
    'money', (select jsonb_agg(to_jsonb(r) - 'id' order by r.kind, r.payment_id, r.event_id,
              r.batch_id) from billing_revenuerecord r),
    'batches', (select jsonb_agg(to_jsonb(b) - 'id' order by b.batch_id)
                from billing_settlementbatch b),
    'shares', (select jsonb_agg(to_jsonb(l) - 'id' - 'batch_id'
               order by l.payment_id, l.gas_share)
               from billing_batchpayment l),
    'stats', (select jsonb_agg(to_jsonb(s) order by s.bucket, s.network_id)
              from analytics_stats(null, null, 2, null) s))::text
"""


def state() -> str:
    with connection.cursor() as cursor:
        cursor.execute(STATE)
        text: str = cursor.fetchone()[0]
    return text


def final_state(requests: Sequence[Sequence[dict[str, Any]]]) -> str:
    """The state after posting these requests to an empty database."""
    with transaction.atomic():
        for events in requests:
            post(*events)
        found = state()
        transaction.set_rollback(True)
    return found


SCENARIOS = {
    "settled": [received("p"), event("payment:verified", "p", 500), settled("p")],
    "failed then pending": [
        received("p"),
        event("payment:verified", "p", 500),
        failed("p", at=900, error="settlement_pending", transaction="0x1"),
    ],
    "verified, pending, settled": [
        received("p"),
        event("payment:verified", "p", 500),
        failed("p", at=900, error="settlement_pending", transaction="0x1"),
        settled("p", at=60_000, transaction="0x1"),
    ],
    "pending then settled": [
        received("p"),
        failed("p", at=900, error="settlement_pending", transaction="0x1"),
        settled("p", at=60_000, transaction="0x1"),
    ],
    "batch, refund": [
        received("p"),
        settled("p", gasUsed=5, effectiveGasPrice=7, nativeUsdPrice="2"),
        event("batch:settled", batchId="b", gasUsed=11, effectiveGasPrice=1, paymentIds=["p", "q"]),
        event("payment:refunded", "p", 5000, amount="0.01"),
    ],
    "two settled, reversed": [
        settled("p", at=2000, transaction="0x2", fee="1"),
        settled("p", at=1000, transaction="0x1", fee="2", amount="5"),
        event("payment:reversed", "p", 9000),
    ],
    "entries before their network": [
        received("p", network="eip155:8453"),
        settled("p", network="solana"),
        event("payment:refunded", "p", 5000, amountAtomic="10000", asset="0xAb", id="r"),
        event("revenue:recorded", "p", kind="premium", amountAtomic="7", asset="usdc", id="x"),
    ],
    "atomic amounts": [
        received("p", asset="USDC"),
        settled("p", amountAtomic="2350000", network="unknown", feeAsset="usdc"),
        event("payment:reversed", "p", 9000, amountAtomic=77),
        event("payment:refunded", "p", 9000),
    ],
    "gas in several stages": [
        failed("p", at=900, error="settlement_pending", transaction="0xA", gasUsed=5),
        failed("p", at=950, error="x", transaction="0xa", gasUsed=7, effectiveGasPrice=2),
        settled("p", gasUsed=11, effectiveGasPrice=3, network="polygon", transaction="0xA"),
        received("p", network="solana"),
    ],
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_permutation_with_repeats_is_byte_equal(name: str) -> None:
    events = SCENARIOS[name]
    chance = random.Random(name)
    expected = final_state([events])
    for order in itertools.permutations(events):
        repeated = [e for e in order for _ in range(chance.randint(1, 3))]
        assert final_state([[e] for e in repeated]) == expected


ROLLED = """
select jsonb_build_object(
    'quarters', (select jsonb_agg(to_jsonb(s) - 'id' order by s.bucket, s.network_id)
                 from analytics_quarterhourstat s),
    'hours', (select jsonb_agg(to_jsonb(s) - 'id' order by s.bucket, s.network_id)
              from analytics_hourlystat s),
    'days', (select jsonb_agg(to_jsonb(s) - 'id' order by s.bucket, s.network_id)
             from analytics_dailystat s))::text
"""


def rolled(requests: Sequence[dict[str, Any]], midway: int) -> str:
    """The stored rollups after these requests, rolled up after so many of them and at the end."""
    with transaction.atomic(), connection.cursor() as cursor:
        for number, one in enumerate(requests):
            if number == midway:
                roll_stale()
            post(one)
        roll_stale()
        cursor.execute(ROLLED)
        text: str = cursor.fetchone()[0]
        transaction.set_rollback(True)
    return text


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["settled", "verified, pending, settled"])
def test_every_permutation_with_repeats_rolls_up_to_the_same_bytes(name: str) -> None:
    events = SCENARIOS[name]
    chance = random.Random(name)
    expected = rolled(events, 0)
    assert '"settled": 1' in expected
    for order in itertools.permutations(events):
        repeated = [e for e in order for _ in range(chance.randint(1, 3))]
        assert rolled(repeated, chance.randrange(len(repeated))) == expected


POOL = [
    *SCENARIOS["settled"],
    *SCENARIOS["pending then settled"][1:],
    *SCENARIOS["batch, refund"][1:],
    *SCENARIOS["two settled, reversed"],
    received("q", network="eip155:84532", at=-900_000, asset="0xNewToken"),
    received("q", network="solana", at=900_000, amount="3"),
    settled("q", at=1_000_000, feeAsset="0xNewToken", kind="sweep"),
    event("batch:settled", batchId="b", gasUsed=12, effectiveGasPrice=2, paymentIds=["q"]),
    event("payment:refunded", "q", 77),
    event("revenue:recorded", "p", id="premium", kind="premium", amount="4"),
    event("payment:expired", "r", 10),
    event("payment:verified", "r", 5, payer="0xC", network="base"),
]


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_order_repeats_and_split_into_requests(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(range(len(POOL))), min_size=1, unique=True))
    repeats = data.draw(st.lists(st.sampled_from(chosen), max_size=6))
    order = data.draw(st.permutations(chosen + repeats))
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(order) - 1)), max_size=4)))
    bounds = [0, *cuts, len(order)]
    requests = [
        [POOL[i] for i in order[low:high]] for low, high in itertools.pairwise(bounds) if low < high
    ]
    assert final_state(requests) == final_state([[POOL[i] for i in sorted(chosen)]])


def test_concurrent_writers_on_the_same_payments_lose_nothing(committed_db: None) -> None:
    chance = random.Random(11)
    events = [
        e
        for n in range(40)
        for e in (
            received(f"p{n}", network=chance.choice(["base", "solana", "polygon"])),
            settled(f"p{n}", gasUsed=n, effectiveGasPrice=3),
            settled(f"p{n}", at=900, transaction=f"0x{n}"),
            event("payment:refunded", f"p{n}", 5000, amount="0.01"),
            event(
                "batch:settled",
                batchId=f"b{n % 7}",
                gasUsed=n,
                effectiveGasPrice=1,
                note=n,
                paymentIds=[f"p{m}" for m in range(n % 5, 40, 7)],
            ),
        )
    ]
    with transaction.atomic():
        expected = final_state([events])
    failures: list[str] = []
    workers = [
        threading.Thread(target=_post_shuffled, args=(events, seed, failures)) for seed in range(6)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    assert state() == expected


def _post_shuffled(events: list[dict[str, Any]], seed: int, failures: list[str]) -> None:
    """Post all events in an order of its own, in small requests, on a connection of its own."""
    chance = random.Random(seed)
    mine = events[:]
    chance.shuffle(mine)
    try:
        source = Source.objects.get(slug="default")
        for low in range(0, len(mine), 10):
            receive([json.dumps(e).encode() for e in mine[low : low + 10]], source)
    except Exception as error:  # noqa: BLE001 - carried to the asserting thread
        failures.append(repr(error))
    finally:
        connection.close()
