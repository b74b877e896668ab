"""The report `revenue`."""

from decimal import Decimal

import pytest

from tests.builders import (
    BASE,
    BOB,
    POLYGON,
    ask,
    earned,
    paid,
    refunded,
    reversed_,
    send,
)

pytestmark = pytest.mark.django_db


def test_the_total_is_fees_and_sponsorship_and_premium() -> None:
    send(
        paid("a", "2026-03-09T10:00:00Z", "5", "0.25"),
        paid("b", "2026-03-10T10:00:00Z", "5", "0.75", network="polygon"),
        earned("s", "2026-03-10T11:00:00Z", "gas_sponsorship", "0.5"),
        earned("p", "2026-03-10T11:00:00Z", "premium", "2", network="polygon"),
        paid("old", "2026-01-01T00:00:00Z", "5", "100"),
    )
    found = ask("revenue")
    assert found["totalRevenue"] == "3.500000"
    assert found["revenueByNetwork"] == {POLYGON: "2.750000", BASE: "0.750000"}
    assert found["totalRevenue"] == ask("revenue-breakdown", window="30d")["total"]


def test_days_run_from_the_windows_first_to_as_ofs_and_hold_zeros() -> None:
    send(paid("a", "2026-03-09T10:00:00Z", "5", "0.25", payer=BOB))
    days = ask("revenue", window="7d")["revenueByDay"]
    assert [day["date"] for day in days] == [f"2026-03-{n:02}" for n in range(3, 11)]
    assert days[6] == {
        "date": "2026-03-09",
        "payments": 1,
        "volume": "5.000000",
        "fees": "0.250000",
        "uniquePayers": 1,
        "uniquePayees": 1,
        "unpricedPayments": 0,
        "withoutPayer": 0,
        "withoutPayee": 0,
    }
    assert days[0]["volume"] == "0.000000"


def test_the_first_day_is_cut_where_the_window_begins() -> None:
    send(
        paid("outside", "2026-03-09T11:00:00Z", "8", payer=BOB),
        paid("inside", "2026-03-09T13:00:00Z", "4"),
        paid("today", "2026-03-10T09:00:00Z", "2"),
    )
    first, second = ask("revenue", window="24h")["revenueByDay"]
    assert (first["payments"], first["volume"], first["uniquePayers"]) == (1, "4.000000", 1)
    assert (second["payments"], second["volume"]) == (1, "2.000000")


def test_the_last_day_of_a_range_is_that_of_its_end_less_a_millisecond() -> None:
    send(paid("a", "2026-03-02T10:00:00Z"))
    found = ask("revenue", **{"from": "2026-03-01T00:00:00Z", "to": "2026-03-03T00:00:00Z"})
    assert [day["date"] for day in found["revenueByDay"]] == ["2026-03-01", "2026-03-02"]


def test_all_time_runs_from_the_first_fact() -> None:
    send(
        paid("a", "2026-03-07T10:00:00Z", "1", "0.1"),
        paid("b", "2026-03-10T10:00:00Z", "1", "0.3"),
    )
    found = ask("revenue", window="all")
    assert [day["fees"] for day in found["revenueByDay"]] == [
        "0.100000",
        "0.000000",
        "0.000000",
        "0.300000",
    ]
    assert found["projectedMonthlyRevenue"] == "3.000000"  # 0.4 x 30 / 4 days


def test_growth_compares_the_later_days_with_the_earlier_ones() -> None:
    send(
        paid("a", "2026-03-03T13:00:00Z", "1", "0.2"),
        paid("b", "2026-03-06T10:00:00Z", "1", "0.2"),
        paid("c", "2026-03-07T10:00:00Z", "1", "0.5"),
        paid("d", "2026-03-10T10:00:00Z", "1", "0.1"),
    )  # eight days: 3rd to 6th = 0.4, 7th to 10th = 0.6
    assert ask("revenue", window="7d")["growthRate"] == 50


def test_growth_gives_the_middle_day_of_an_odd_number_to_the_later_half() -> None:
    send(
        paid("a", "2026-03-01T10:00:00Z", "1", "1"),
        paid("b", "2026-03-02T10:00:00Z", "1", "2"),
        paid("c", "2026-03-03T10:00:00Z", "1", "4"),
    )
    span = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-04T00:00:00Z"}
    assert ask("revenue", **span)["growthRate"] == 500


def test_growth_from_nothing_is_zero() -> None:
    send(paid("a", "2026-03-10T10:00:00Z", "1", "1"))
    assert ask("revenue", window="7d")["growthRate"] == 0


def test_the_projection_scales_the_window_to_thirty_days() -> None:
    send(paid("a", "2026-03-10T11:30:00Z", "1", "0.000001"))
    assert ask("revenue", window="1h")["projectedMonthlyRevenue"] == "0.000720"
    assert ask("revenue", window="7d")["projectedMonthlyRevenue"] == "0.000004"  # 0.00000428...
    assert ask("revenue", window="90d")["projectedMonthlyRevenue"] == "0.000000"


@pytest.mark.parametrize("minutes", [15, 18, 30, 36, 60])  # their microseconds are int4 or int8
def test_the_projection_holds_for_ranges_of_any_length(minutes: int) -> None:
    send(paid("a", "2026-03-10T11:00:00Z", "1", "0.01"))
    end = f"2026-03-10T{11 + minutes // 60}:{minutes % 60:02}:00Z"
    found = ask("revenue", **{"from": "2026-03-10T11:00:00Z", "to": end})
    expected = Decimal("0.01") * 30 * 24 * 60 / minutes
    assert found["projectedMonthlyRevenue"] == f"{expected:.6f}"


def test_refunds_reversals_and_gas_are_shown_apart_and_make_the_net() -> None:
    gas = {"gasUsed": "100000", "effectiveGasPrice": "1000000000", "nativeUsdPrice": "2000"}
    send(
        paid("a", "2026-03-10T10:00:00Z", "5", "1", **gas),  # 0.0001 ETH = 0.20 USD
        paid("b", "2026-03-10T10:00:00Z", "5", "0.5"),
        refunded("a", "2026-03-10T11:00:00Z", amount="0.25"),
        reversed_("b", "2026-03-10T11:00:00Z"),
    )
    found = ask("revenue")
    assert found["totalRevenue"] == "1.500000"
    assert found["refunds"] == "0.250000"
    assert found["reversals"] == "0.500000"
    assert found["gasCosts"] == "0.200000"
    assert found["netRevenue"] == "0.550000"


def test_there_is_no_net_while_gas_has_no_price() -> None:
    send(paid("a", "2026-03-10T10:00:00Z", gasUsed="100000", effectiveGasPrice="1000000000"))
    found = ask("revenue")
    assert (found["netRevenue"], found["unpricedGas"]) == (None, 1)


@pytest.mark.parametrize(
    ("zone", "start", "days"),
    [
        ("UTC", "2026-03-01T05:17:00Z", 40),
        ("Asia/Kolkata", "2026-03-01T05:17:00Z", 40),
        ("Asia/Kathmandu", "2026-03-01T05:17:00Z", 40),
        ("America/St_Johns", "2026-03-01T05:17:00Z", 40),  # clocks go on on 8 March
        ("Australia/Lord_Howe", "2026-03-20T05:17:00Z", 40),  # half an hour back on 5 April
    ],
)
def test_the_days_add_up_to_the_range_in_every_zone(zone: str, start: str, days: int) -> None:
    events = []
    for n in range(days * 8):  # one every three hours, drifting over the day
        day, hour = divmod(n * 3, 24)
        at = f"2026-{3 + day // 31:02}-{1 + day % 31:02}T{hour:02}:{n * 7 % 60:02}:00Z"
        if day // 31 == 0 or day % 31 < 30:
            events.append(paid(f"p{n}", at, f"{n}.000001", f"0.{n:06}"))
    send(events)
    span = {"from": start, "to": "2026-04-09T22:44:00Z"}
    as_of = "2026-04-10T00:00:00Z"
    expected = [e["data"] for e in events if start <= e["data"]["timestamp"] < span["to"]]
    rows = ask("revenue", as_of=as_of, tz=zone, **span)["revenueByDay"]
    assert sum(row["payments"] for row in rows) == len(expected)
    assert _sum(rows, "volume") == sum(Decimal(e["amount"]) for e in expected)
    assert _sum(rows, "fees") == sum(Decimal(e["fee"]) for e in expected)
    whole = ask("payments", as_of=as_of, tz=zone, **span)
    assert _sum(rows, "volume") == Decimal(whole["totalVolume"])


def _sum(rows: list[dict[str, str]], name: str) -> Decimal:
    return sum((Decimal(row[name]) for row in rows), Decimal(0))
