"""The report `top-payers`."""

import pytest

from analytics.registry import find_report
from analytics.rollups import fold_totals
from tests.builders import ALICE, BOB, CAROL, NOON, ask, failed, paid, received, reversed_, send

pytestmark = pytest.mark.django_db


def test_payers_come_by_amount_then_by_address() -> None:
    send(
        paid("a", "2026-03-01T00:00:00Z", "1", payer=CAROL),
        paid("b", "2026-03-02T00:00:00.123Z", "2", payer=CAROL),
        paid("c", "2026-03-03T00:00:00Z", "3", payer=ALICE),
        paid("d", "2026-03-04T00:00:00Z", "9", payer=BOB),
        received("e", "2026-03-05T00:00:00Z", "100", payer=ALICE),
        failed("e", "2026-03-05T00:00:01Z"),
    )
    assert ask("top-payers") == [
        {
            "address": BOB,
            "totalPaid": "9.000000",
            "paymentCount": 1,
            "lastPayment": 1772582400000,
        },
        {
            "address": ALICE,
            "totalPaid": "3.000000",
            "paymentCount": 1,
            "lastPayment": 1772496000000,
        },
        {
            "address": CAROL,
            "totalPaid": "3.000000",
            "paymentCount": 2,
            "lastPayment": 1772409600123,
        },
    ]


@pytest.mark.parametrize("window", ["all", "30d"])
def test_limit_cuts_the_list(window: str) -> None:
    send(paid(f"p{n}", "2026-03-01T00:00:00Z", str(n), payer=f"0x{n:040x}") for n in range(1, 15))
    assert len(ask("top-payers", window=window)) == 10
    assert [row["totalPaid"] for row in ask("top-payers", window=window, limit="2")] == [
        "14.000000",
        "13.000000",
    ]


@pytest.mark.parametrize("window", ["all", "30d"])
def test_writing_an_address_in_capitals_makes_no_second_payer(window: str) -> None:
    send(
        paid("a", "2026-03-01T00:00:00Z", "1", payer="0x" + "Ab" * 20),
        paid("b", "2026-03-01T00:00:00Z", "1", payer="0x" + "aB" * 20),
    )
    (row,) = ask("top-payers", window=window)
    assert (row["address"], row["paymentCount"]) == ("0x" + "ab" * 20, 2)


@pytest.mark.parametrize("window", ["all", "30d"])
def test_testnets_are_out(window: str) -> None:
    send(
        paid("a", "2026-03-01T00:00:00Z", "1", payer=ALICE),
        paid("b", "2026-03-01T00:00:00Z", "5", payer=BOB, network="base-sepolia"),
    )
    assert [row["address"] for row in ask("top-payers", window=window)] == [ALICE]
    wide = ask("top-payers", window=window, include_testnets="true")
    assert [row["address"] for row in wide] == [BOB, ALICE]


@pytest.mark.parametrize("window", ["all", "30d"])
def test_payments_after_as_of_do_not_count(window: str) -> None:
    send(
        paid("a", "2026-03-10T11:00:00Z", "1", payer=ALICE),
        paid("b", "2026-03-10T13:00:00Z", "5", payer=ALICE),
        paid("c", "2026-03-10T13:00:00Z", "5", payer=BOB),
    )
    (row,) = ask("top-payers", window=window)
    assert (row["address"], row["totalPaid"], row["paymentCount"]) == (ALICE, "1.000000", 1)
    assert row["lastPayment"] == 1773140400000


def test_payments_without_a_payer_are_in_no_row_and_stated() -> None:
    send(
        paid("a", "2026-03-10T11:00:00Z", "1", payer=ALICE),
        paid("b", "2026-03-10T11:00:00Z", "7", payer=None),
    )
    answer = find_report("top-payers").answer({"as_of": NOON})
    assert [row["address"] for row in answer.data] == [ALICE]
    assert answer.notes == {"without_payer": 1, "unpriced_payments": 0}


@pytest.mark.parametrize("folded", [True, False])
def test_a_payer_who_leads_on_no_network_can_come_first(folded: bool) -> None:
    """Two networks with 25 payers of 10 each; one more pays 6 on both, behind all of them."""
    for network in ("base", "polygon"):
        send(
            paid(
                f"{network}{n}", NOON, "10", payer=f"0x{network.encode().hex()}{n}", network=network
            )
            for n in range(25)
        )
        send(paid(f"{network} both", NOON, "6", payer=CAROL, network=network))
    if folded:
        fold_totals()
    (first,) = ask("top-payers", limit="1")
    assert (first["address"], first["totalPaid"], first["paymentCount"]) == (CAROL, "12.000000", 2)


def test_what_is_not_folded_yet_counts() -> None:
    send(paid("a", NOON, "5", payer=ALICE), paid("b", NOON, "7", payer=BOB))
    fold_totals()
    send(paid("c", NOON, "3", payer=ALICE), reversed_("b", "2026-03-10T13:00:00Z"))
    assert [(row["address"], row["totalPaid"]) for row in ask("top-payers")] == [
        (ALICE, "8.000000")
    ]
