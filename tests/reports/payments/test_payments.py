"""The report `payments`."""

from decimal import Decimal

import pytest

from analytics.reports.payments import payments as module
from tests.builders import (
    POLYGON,
    ask,
    failed,
    paid,
    received,
    reversed_,
    send,
    settled,
    verified,
)

pytestmark = pytest.mark.django_db

DAY = "2026-03-10T"


def test_it_counts_what_became_of_the_payments_started_in_the_window() -> None:
    send(
        received("a", f"{DAY}10:00:00Z", "2.50"),
        settled("a", f"{DAY}10:00:02Z", "0.02"),
        received("b", f"{DAY}10:10:00Z", "1.00"),
        failed("b", f"{DAY}10:10:05Z"),
        received("c", f"{DAY}10:20:00Z", "9.00"),
        verified("c", f"{DAY}10:20:01Z"),
    )
    found = ask("payments")
    assert (found["totalPayments"], found["successfulPayments"], found["failedPayments"]) == (
        3,
        1,
        1,
    )
    assert found["totalVolume"] == "2.500000"
    assert found["totalFees"] == "0.020000"
    assert found["averageSettlementTime"] == 2000
    assert found["successRate"] == Decimal("33.3333333333333333")


def test_a_window_excludes_its_first_moment_and_includes_its_last() -> None:
    send(
        paid("too-early", "2026-03-10T11:00:00Z"),
        paid("just-in", "2026-03-10T11:00:00.000001Z"),
        paid("last", "2026-03-10T12:00:00Z"),
        paid("too-late", "2026-03-10T12:00:00.000001Z"),
    )
    assert ask("payments", window="1h")["totalPayments"] == 2


def test_from_is_included_and_to_is_not() -> None:
    send(
        paid("first", "2026-03-10T08:00:00Z"),
        paid("last", "2026-03-10T08:59:59.999999Z"),
        paid("next", "2026-03-10T09:00:00Z"),
    )
    span = {"from": "2026-03-10T08:00:00Z", "to": "2026-03-10T09:00:00Z"}
    assert ask("payments", **span)["totalPayments"] == 2
    as_numbers = {"from": "1773129600000", "to": "1773133200000"}
    assert ask("payments", **as_numbers) == ask("payments", **span)


def test_sizes_are_exact_and_rounded_half_up_once() -> None:
    send(
        paid("a", f"{DAY}10:00:00Z", "0.000001"),
        paid("b", f"{DAY}10:01:00Z", "0.000002"),
        paid("c", f"{DAY}10:02:00Z", "0.000002"),
        paid("d", f"{DAY}10:03:00Z", "0.000005"),
    )
    found = ask("payments")
    assert found["totalVolume"] == "0.000010"
    assert found["averagePaymentSize"] == "0.000003"  # 0.0000025
    assert found["medianPaymentSize"] == "0.000002"


def test_the_median_of_an_even_count_is_the_mean_of_the_middle_two() -> None:
    amounts = ("1", "2", "5", "100")
    send(paid(f"p{a}", f"{DAY}10:00:00Z", a) for a in amounts)
    assert ask("payments")["medianPaymentSize"] == "3.500000"


def test_percentiles_are_nearest_rank() -> None:
    send(
        paid(f"p{n}", f"{DAY}10:00:00Z", settlementTime=n * 10) for n in range(1, 41)
    )  # ranks ceil(0.95 x 40) = 38 and ceil(0.99 x 40) = 40
    found = ask("payments")
    assert found["p95SettlementTime"] == 380
    assert found["p99SettlementTime"] == 400
    assert found["averageSettlementTime"] == 205
    assert found["percentileMethod"] == "exact"


def test_money_keeps_every_digit_it_needs() -> None:
    send(paid("a", f"{DAY}10:00:00Z", "9007199254740993.0000001", fee="0.00000000123"))
    found = ask("payments")
    assert found["totalVolume"] == "9007199254740993.0000001"
    assert found["totalFees"] == "0.00000000123"


def test_an_unpriced_asset_is_counted_apart_and_never_mixed_into_dollars() -> None:
    send(
        paid("priced", f"{DAY}10:00:00Z", "4"),
        paid("odd", f"{DAY}10:01:00Z", "1000", fee="1", asset="0x" + "99" * 20),
    )
    found = ask("payments")
    assert found["successfulPayments"] == 2
    assert found["totalVolume"] == "4.000000"
    assert found["averagePaymentSize"] == "4.000000"
    assert found["unpricedPayments"] == 1
    assert found["unpricedFees"] == 1


def test_a_deposit_is_a_payment_but_no_volume() -> None:
    send(
        paid("charge", f"{DAY}10:00:00Z", "4"),
        paid("escrow", f"{DAY}10:01:00Z", "500", kind="deposit"),
    )
    found = ask("payments")
    assert (found["successfulPayments"], found["totalVolume"]) == (2, "4.000000")
    assert found["medianPaymentSize"] == "4.000000"


def test_a_pending_settlement_is_not_a_failure() -> None:
    send(
        received("a", f"{DAY}10:00:00Z"),
        failed("a", f"{DAY}10:00:05Z", error="settlement_pending"),
    )
    found = ask("payments")
    assert (found["totalPayments"], found["failedPayments"]) == (1, 0)


def test_a_reversed_payment_is_neither_success_nor_volume() -> None:
    send(paid("a", f"{DAY}10:00:00Z", "4"), reversed_("a", f"{DAY}11:00:00Z"))
    found = ask("payments")
    assert (found["totalPayments"], found["successfulPayments"]) == (1, 0)
    assert found["totalVolume"] == "0.000000"


def test_testnets_are_out_unless_asked_for_and_unknown_networks_are_in() -> None:
    send(
        paid("main", f"{DAY}10:00:00Z", "1"),
        paid("test", f"{DAY}10:01:00Z", "2", network="base-sepolia"),
        settled("nameless", f"{DAY}10:02:00Z", amount="4"),
        paid("foreign", f"{DAY}10:03:00Z", "8", network="eip155:999999"),
    )
    assert ask("payments")["totalVolume"] == "5.000000"
    wide = ask("payments", include_testnets="true")
    assert (wide["totalPayments"], wide["totalVolume"]) == (4, "7.000000")


def test_a_network_is_named_by_its_id_or_by_its_old_name() -> None:
    send(
        paid("base", f"{DAY}10:00:00Z", "1"),
        paid("polygon", f"{DAY}10:01:00Z", "2", network="polygon"),
    )
    assert ask("payments", network="polygon")["totalVolume"] == "2.000000"
    assert ask("payments", network=POLYGON)["totalVolume"] == "2.000000"


def test_as_of_moves_the_window_and_never_the_state_of_a_payment() -> None:
    send(received("a", f"{DAY}10:00:00Z"), settled("a", f"{DAY}11:30:00Z"))
    found = ask("payments", as_of=f"{DAY}11:00:00Z")
    assert (found["totalPayments"], found["successfulPayments"]) == (1, 1)


def test_without_payments_success_is_100_and_money_is_zero() -> None:
    assert ask("payments") == {
        "totalPayments": 0,
        "successfulPayments": 0,
        "failedPayments": 0,
        "totalVolume": "0.000000",
        "totalFees": "0.000000",
        "averagePaymentSize": "0.000000",
        "medianPaymentSize": "0.000000",
        "averageSettlementTime": 0,
        "p95SettlementTime": 0,
        "p99SettlementTime": 0,
        "successRate": 100,
        "unpricedPayments": 0,
        "unpricedFees": 0,
        "percentileMethod": "exact",
    }


def test_histograms_stay_within_one_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    send(paid(f"p{n}", f"{DAY}10:00:00Z", str(n), settlementTime=n * 10) for n in range(1, 41))
    monkeypatch.setattr(module, "EXACT_UP_TO", 39)
    found = ask("payments")
    assert found["percentileMethod"] == "histogram"
    for name, exact in (
        ("medianPaymentSize", Decimal("20.5")),
        ("p95SettlementTime", Decimal(380)),
        ("p99SettlementTime", Decimal(400)),
    ):
        assert abs(Decimal(found[name]) - exact) <= exact / 100, name
