"""The report `dashboard`."""

from decimal import Decimal

import pytest

from tests.builders import (
    ALICE,
    BOB,
    CAFE,
    SHOP,
    ask,
    earned,
    failed,
    paid,
    received,
    send,
)

pytestmark = pytest.mark.django_db


def test_it_says_what_the_reports_say() -> None:
    send(
        paid("old", "2026-01-01T00:00:00Z", "50", "5", payer=BOB, payee=CAFE),
        paid("yesterday", "2026-03-09T20:00:00Z", "3", "0.3", settlementTime=4000),
        paid("today", "2026-03-10T10:00:00Z", "1", "0.1", network="polygon", settlementTime=2000),
        earned("p", "2026-03-10T11:00:00Z", "premium", "2"),
        received("open", "2026-03-10T11:30:00Z", "7"),
        received("bad", "2026-03-10T11:30:00Z", "7"),
        failed("bad", "2026-03-10T11:30:01Z"),
    )
    found = ask("dashboard")
    assert found["summary"] == {
        "totalRevenue": "2.400000",
        "todayRevenue": "2.100000",
        "totalPayments": 4,
        "successRate": 50,
        "activeNetworks": 2,
    }
    assert found["charts"]["networkDistribution"] == [
        {"network": "Base", "volume": 3},
        {"network": "Polygon", "volume": 1},
    ]
    assert found["topLists"] == {
        "topPayers": [
            {"address": BOB, "amount": "50.000000"},
            {"address": ALICE, "amount": "4.000000"},
        ],
        "topPayees": [
            {"address": CAFE, "amount": "50.000000"},
            {"address": SHOP, "amount": "4.000000"},
        ],
    }
    assert found["health"] == {
        "status": "critical",
        "pendingPayments": 1,
        "averageSettlementTime": 3000,
        "errorRate": 25,
    }


def test_its_charts_are_the_time_series() -> None:
    send(
        paid("a", "2026-03-10T10:00:00Z", "1", "0.1"),
        earned("p", "2026-03-10T09:00:00Z", "premium", "2"),
    )
    for window in ("24h", "7d"):
        charts = ask("dashboard", window=window, tz="Asia/Kolkata")["charts"]
        for chart, metric in (("revenue", "revenue"), ("payment", "payments")):
            series = ask("time-series", window=window, tz="Asia/Kolkata", metric=metric)
            assert charts[f"{chart}TimeSeries"] == series["points"]
            assert sum(Decimal(point["value"]) for point in series["points"]) > 0


def test_lists_show_five() -> None:
    send(paid(f"p{n}", "2026-03-01T00:00:00Z", payer=f"0x{n:040x}") for n in range(7))
    assert len(ask("dashboard")["topLists"]["topPayers"]) == 5


def test_today_is_a_day_of_the_zone() -> None:
    send(paid("a", "2026-03-09T18:20:00Z", "1", "0.1"))
    assert ask("dashboard")["summary"]["todayRevenue"] == "0.000000"
    assert ask("dashboard", tz="Asia/Kathmandu")["summary"]["todayRevenue"] == "0.100000"


@pytest.mark.parametrize(
    ("failures", "millis", "status"),
    [
        (1, 30_000, "healthy"),  # 5 % and 30 s are still healthy
        (2, 1_000, "degraded"),  # 10 %
        (3, 1_000, "critical"),  # 15 %
        (0, 30_001, "degraded"),
        (0, 60_000, "degraded"),
        (0, 60_001, "critical"),
    ],
)
def test_health_is_judged_by_errors_and_by_time(failures: int, millis: int, status: str) -> None:
    at = "2026-03-10T10:00:00Z"
    send(paid(f"p{n}", at, settlementTime=millis) for n in range(20 - failures))
    send(failed(f"f{n}", at) for n in range(failures)) if failures else None
    assert ask("dashboard")["health"]["status"] == status


def test_a_range_after_as_of_shows_nothing_later_than_as_of() -> None:
    send(paid("a", "2026-03-10T11:00:00Z", "3"), paid("later", "2026-03-10T13:00:00Z", "50"))
    later = {"from": "2026-03-10T14:00:00Z", "to": "2026-03-10T15:00:00Z"}
    found = ask("dashboard", **later)
    assert found["summary"]["totalPayments"] == 0
    assert found["topLists"]["topPayers"] == [{"address": ALICE, "amount": "3.000000"}]


def test_without_payments_it_is_healthy() -> None:
    health = ask("dashboard")["health"]
    assert health == {
        "status": "healthy",
        "pendingPayments": 0,
        "averageSettlementTime": 0,
        "errorRate": 0,
    }
