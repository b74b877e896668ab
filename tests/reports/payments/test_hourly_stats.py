"""The report `hourly-stats`."""

import pytest

from tests.builders import ask, paid, send

pytestmark = pytest.mark.django_db


def test_it_always_has_24_hours() -> None:
    send(paid("a", "2026-03-10T00:10:00Z", "2", "0.2"), paid("b", "2026-03-10T11:10:00Z", "3"))
    rows = ask("hourly-stats")
    assert [row["hour"] for row in rows] == list(range(24))
    assert rows[0] == {
        "hour": 0,
        "payments": 1,
        "volume": "2.000000",
        "fees": "0.200000",
        "unpricedPayments": 0,
    }
    assert rows[11]["volume"] == "3.000000"
    assert sum(row["payments"] for row in rows) == 2


def test_it_counts_by_the_time_of_settlement() -> None:
    send(paid("a", "2026-03-10T00:10:00Z"))
    assert ask("hourly-stats", date="2026-03-09")[0]["payments"] == 0
    assert ask("hourly-stats", date="2026-03-10")[0]["payments"] == 1


def test_an_hour_that_the_clock_repeats_is_summed() -> None:
    send(
        paid("first", "2025-11-02T05:30:00Z"),  # 01:30 EDT in New York
        paid("again", "2025-11-02T06:30:00Z"),  # 01:30 EST
        paid("after", "2025-11-02T07:30:00Z"),  # 02:30 EST
    )
    rows = ask("hourly-stats", date="2025-11-02", tz="America/New_York")
    assert [row["payments"] for row in rows[:4]] == [0, 2, 1, 0]


def test_an_hour_that_the_clock_skips_is_empty() -> None:
    send(paid("a", "2026-03-08T06:59:00Z"), paid("b", "2026-03-08T07:00:00Z"))
    rows = ask("hourly-stats", date="2026-03-08", tz="America/New_York")
    assert [row["payments"] for row in rows[:4]] == [0, 1, 0, 1]


def test_half_an_hour_of_summer_time_moves_the_hours_too() -> None:
    send(
        paid("a", "2026-04-04T14:45:00Z"),  # 01:45 at UTC+11 on Lord Howe
        paid("b", "2026-04-04T15:15:00Z"),  # 01:45 again, at UTC+10:30
        paid("c", "2026-04-04T15:30:00Z"),  # 02:00
    )
    rows = ask(
        "hourly-stats", date="2026-04-05", as_of="2026-04-06T00:00:00Z", tz="Australia/Lord_Howe"
    )
    assert [row["payments"] for row in rows[:4]] == [0, 2, 1, 0]


def test_hours_of_a_zone_off_by_a_quarter_are_its_own() -> None:
    send(paid("a", "2026-03-09T18:14:00Z"), paid("b", "2026-03-09T18:16:00Z"))
    rows = ask("hourly-stats", date="2026-03-10", tz="Asia/Kathmandu")
    assert rows[0]["payments"] == 1


def test_tomorrow_is_empty() -> None:
    assert sum(row["payments"] for row in ask("hourly-stats", date="2026-03-11")) == 0
