"""The report `revenue-projection`."""

import pytest

from tests.builders import ask, earned, paid, send

pytestmark = pytest.mark.django_db


def test_it_takes_the_average_of_the_last_seven_days_to_a_month() -> None:
    send(
        paid("a", "2026-03-10T10:00:00Z", "1", "5"),  # the newest 24 hours
        earned("b", "2026-03-09T13:00:00Z", "premium", "2"),  # the newest 24 hours, too
        earned("c", "2026-03-03T12:00:01Z", "gas_sponsorship", "3.5"),  # the oldest
        paid("d", "2026-03-03T12:00:00Z", "1", "1000"),  # a moment too old
    )
    assert ask("revenue-projection") == {
        "projectedMonthlyRevenue": "45.000000",
        "low": "0.000000",
        "high": "210.000000",
        "dailyAverage": "1.500000",
        "days": 7,
    }


def test_a_quotient_is_rounded_half_up() -> None:
    send(paid("a", "2026-03-10T10:00:00Z", "1", "0.00001"))
    found = ask("revenue-projection")
    assert found["dailyAverage"] == "0.000001"  # 0.00000142...
    assert found["projectedMonthlyRevenue"] == "0.000043"  # 0.0000428..., not 30 x 0.000001
