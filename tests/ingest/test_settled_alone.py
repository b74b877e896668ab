"""A settled event with nothing before it counts at once; what comes later corrects the figures."""

from typing import Any

import pytest

from billing.models import Payment
from tests.builders import BASE, BOB, CAFE, ask, paid, received, send, settled

pytestmark = pytest.mark.django_db

AS_OF = "2026-03-10T13:00:00Z"
TOTALS = ("totalPayments", "successfulPayments", "totalVolume", "totalFees")


def totals() -> tuple[Any, ...]:
    figures = ask("payments", as_of=AS_OF)
    return tuple(figures[name] for name in TOTALS)


def hour(number: int) -> tuple[Any, ...]:
    row = ask("hourly-stats", as_of=AS_OF)[number]
    return (row["payments"], row["volume"], row["fees"], row["unpricedPayments"])


@pytest.mark.parametrize("at", ["2026-03-10T10:29:58Z", "2026-03-10T12:30:00Z"])
def test_a_full_settled_event_alone_counts_and_a_late_received_changes_no_total(at: str) -> None:
    send(paid("p", "2026-03-10T10:30:00Z", "12.5", "0.5", payer=None, payee=None))
    assert totals() == (1, 1, "12.500000", "0.500000")
    counted = (1, "12.500000", "0.500000", 0)
    assert hour(10) == counted

    send(received("p", at, "12.5", payer=BOB, payee=CAFE))
    row = Payment.objects.get()
    assert (row.payer, row.payee, row.status) == (BOB, CAFE, "settled")
    assert totals() == (1, 1, "12.500000", "0.500000")
    assert hour(10) == counted
    assert hour(12) == (0, "0.000000", "0.000000", 0)


def test_a_minimal_settled_event_counts_and_received_puts_its_hour_and_network_right() -> None:
    send(settled("p", "2026-03-10T10:30:00Z", "0.5"))
    assert Payment.objects.get().amount is None
    assert totals() == (1, 1, "0.000000", "0.500000")
    assert hour(10) == (1, "0.000000", "0.500000", 1)
    assert [row["chainId"] for row in ask("networks", as_of=AS_OF)] == ["unknown"]

    send(received("p", "2026-03-10T10:29:58Z", "12.5"))
    assert hour(10) == (1, "12.500000", "0.500000", 0)
    (network,) = ask("networks", as_of=AS_OF)
    assert (network["chainId"], network["totalVolume"]) == (BASE, "12.500000")
    assert (network["totalPayments"], network["totalFees"]) == (1, "0.500000")
