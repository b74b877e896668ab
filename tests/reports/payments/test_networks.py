"""The report `networks`."""

import pytest

from tests.builders import BASE, POLYGON, ask, failed, paid, received, send, settled

pytestmark = pytest.mark.django_db

DAY = "2026-03-10T"


def test_it_lists_chains_by_volume_then_by_id() -> None:
    send(
        paid("a", f"{DAY}10:00:00Z", "1", "0.1"),
        paid("b", f"{DAY}10:00:00Z", "3", "0.3", network="polygon"),
        paid("c", f"{DAY}10:00:00Z", "1", "0.2", network="optimism"),
        received("d", f"{DAY}10:00:00Z", "9", network="base"),
        failed("d", f"{DAY}10:00:01Z"),
    )
    rows = ask("networks")
    assert [(r["chainId"], r["chainName"], r["totalVolume"]) for r in rows] == [
        (POLYGON, "Polygon", "3.000000"),
        ("eip155:10", "Optimism", "1.000000"),
        (BASE, "Base", "1.000000"),
    ]
    base = rows[2]
    assert (base["totalPayments"], base["successRate"], base["totalFees"]) == (2, 50, "0.100000")


def test_gas_is_in_the_native_coin_to_the_last_wei() -> None:
    send(
        paid("a", f"{DAY}10:00:00Z", gasUsed="61105", effectiveGasPrice="1000003", l1Fee="7"),
        paid("b", f"{DAY}10:00:00Z", gasUsed="90053", effectiveGasPrice="1000000"),
        paid("c", f"{DAY}10:00:00Z"),
    )
    (base,) = ask("networks")
    # 61105 x 1000003 + 7 = 61,105,183,322 wei; 90053 x 1000000 = 90,053,000,000 wei
    assert base["totalGasSpent"] == "0.000000151158183322"
    assert base["averageGasCost"] == "0.000000075579091661"
    assert base["gasAsset"] == "ETH"


def test_the_average_gas_of_many_payments_is_rounded_once() -> None:
    costs = [10**15 + (n < 5000) for n in range(10_001)]
    send(paid(f"p{n}", f"{DAY}10:00:00Z", gasCostAtomic=str(c)) for n, c in enumerate(costs))
    (base,) = ask("networks")
    # 0.49995 of a wei is nothing; rounded to four digits first, it would be a half
    assert base["averageGasCost"] == "0.001000"


def test_gas_and_confirmation_time_are_null_without_facts() -> None:
    send(paid("a", f"{DAY}10:00:00Z"))
    (base,) = ask("networks")
    assert base["averageGasCost"] is None
    assert base["totalGasSpent"] is None
    assert base["averageConfirmationTime"] is None


def test_confirmation_time_is_the_average_of_what_events_say() -> None:
    send(
        paid("a", f"{DAY}10:00:00Z", confirmationTime=1000),
        paid("b", f"{DAY}10:00:00Z", confirmationTime=2001),
    )
    (base,) = ask("networks")
    assert float(base["averageConfirmationTime"]) == 1500.5


def test_a_payment_counts_under_its_network_as_soon_as_one_is_known() -> None:
    send(settled("a", f"{DAY}10:00:00Z", "0.01", amount="2"))
    (unknown,) = ask("networks")
    assert (unknown["chainId"], unknown["totalVolume"]) == ("unknown", "2.000000")
    send(received("a", f"{DAY}09:59:00Z", "2"))
    (known,) = ask("networks")
    assert (known["chainId"], known["totalVolume"]) == (BASE, "2.000000")


def test_a_chain_without_payments_is_not_listed() -> None:
    assert ask("networks") == []
