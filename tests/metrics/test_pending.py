"""The gauge of open payments: each counts once, from its start until it has an outcome."""

import random
from collections import Counter
from typing import Any

import pytest

from billing.models import Payment
from tests.ingest.events import event, failed, post, received, settled
from tests.metrics.test_text import BASE, on, scrape, value

OPEN = ("received", "verified", "pending")
SOLANA = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"


def pending(payment: str, at: int) -> dict[str, Any]:
    return failed(payment, at, error="settlement_pending", transaction="0x1")


def gauge(network: str = BASE) -> str:
    return value(scrape(), f"facilitator_pending_payments{on(network)}")


def outcomes() -> tuple[str, str]:
    text = scrape()
    return (
        value(text, f"facilitator_payments_total{on(BASE, status='success')}"),
        value(text, f"facilitator_payments_total{on(BASE, status='failed')}"),
    )


def test_a_payment_is_open_exactly_once_however_often_it_is_heard_of() -> None:
    for one in (
        received("p"),
        event("payment:verified", "p", 100),
        pending("p", 200),
        pending("p", 300),
    ):
        post(one)
        assert gauge() == "1"
    assert outcomes() == ("0", "0")


@pytest.mark.parametrize(
    ("end", "counted"),
    [
        (settled("p", 9000), ("1", "0")),
        (failed("p", 9000, error="transaction_failed"), ("0", "1")),
    ],
    ids=["settled", "failed"],
)
def test_a_pending_payment_is_open_until_it_has_settled_or_failed(
    end: dict[str, Any], counted: tuple[str, str]
) -> None:
    post(received("p"), pending("p", 200))
    assert (gauge(), outcomes()) == ("1", ("0", "0"))
    post(end)
    assert (gauge(), outcomes()) == ("0", counted)
    post(end | {"id": "again"})
    assert (gauge(), outcomes()) == ("0", counted)


def test_a_received_payment_is_open_until_it_has_expired() -> None:
    post(received("p"))
    assert gauge() == "1"
    post(event("payment:expired", "p", 9000))
    assert (gauge(), outcomes()) == ("0", ("0", "0"))


def test_a_payment_whose_settling_is_the_first_that_is_heard_of_is_open() -> None:
    post(pending("p", 200) | {"id": "a"})
    assert gauge("unknown") == "1"
    post(event("payment:verified", "p", 100, network="base"))
    assert (gauge("unknown"), gauge()) == ("0", "1")


EVENTS = [
    received("p"),
    event("payment:verified", "p", 100),
    pending("p", 200),
    failed("p", 300, error="transaction_failed"),
    failed("p", 400, error="transaction_failed"),
    settled("p", 500),
    event("payment:reversed", "p", 600),
    pending("q", 200),
    failed("q", 300, error="insufficient_funds"),
    received("q", network="solana"),
    event("payment:expired", "r", 900),
    received("r", network="solana"),
]


@pytest.mark.parametrize("seed", range(6))
def test_the_gauge_is_the_count_in_the_database_after_any_sequence(seed: int) -> None:
    for one in random.Random(seed).sample(EVENTS, len(EVENTS)):
        post(one)
        rows = Payment.objects.filter(status__in=OPEN).values_list("network_id", flat=True)
        count = Counter(str(network) for network in rows)
        text = scrape()
        for network in (BASE, SOLANA, "unknown"):
            shown = value(text, f"facilitator_pending_payments{on(network)}")
            assert shown == f"{count[network]}"
    assert not Payment.objects.filter(status__in=OPEN).exists()
