"""The report `revenue-daily`."""

import pytest

from tests.builders import ALICE, BOB, CAFE, SHOP, ask, earned, paid, send

pytestmark = pytest.mark.django_db


def test_it_gives_exactly_as_many_days_as_asked_for_ending_today() -> None:
    assert len(ask("revenue-daily")) == 30
    rows = ask("revenue-daily", days="3")
    assert [row["date"] for row in rows] == ["2026-03-08", "2026-03-09", "2026-03-10"]


def test_unique_payers_are_people_of_the_day_not_payments() -> None:
    send(
        paid("a", "2026-03-10T08:00:00Z", payer=ALICE, payee=SHOP),
        paid("b", "2026-03-10T09:00:00Z", payer=ALICE, payee=CAFE),
        paid("c", "2026-03-10T10:00:00Z", payer=ALICE.upper().replace("0X", "0x"), payee=CAFE),
        paid("d", "2026-03-09T10:00:00Z", payer=BOB, payee=CAFE),
        paid("e", "2026-03-10T10:00:00Z", payer=None, payee=SHOP),
    )
    yesterday, today = ask("revenue-daily", days="2")
    assert (yesterday["uniquePayers"], yesterday["uniquePayees"]) == (1, 1)
    assert (today["payments"], today["uniquePayers"], today["uniquePayees"]) == (4, 1, 2)
    assert (today["withoutPayer"], today["withoutPayee"]) == (1, 0)


def test_fees_are_facilitator_fees_only() -> None:
    send(
        paid("a", "2026-03-10T08:00:00Z", "1", "0.5"),
        earned("s", "2026-03-10T08:00:00Z", "premium", "9"),
    )
    (today,) = ask("revenue-daily", days="1")
    assert today["fees"] == "0.500000"


def test_a_day_is_a_day_of_the_zone() -> None:
    send(paid("a", "2026-03-09T18:14:59Z"), paid("b", "2026-03-09T18:15:00Z"))
    in_utc = ask("revenue-daily", days="2")
    assert [row["payments"] for row in in_utc] == [2, 0]
    in_nepal = ask("revenue-daily", days="2", tz="Asia/Kathmandu")  # UTC+5:45
    assert [row["payments"] for row in in_nepal] == [1, 1]
    assert [row["uniquePayers"] for row in in_nepal] == [1, 1]


def test_a_late_event_lands_in_the_hour_it_belongs_to() -> None:
    send(paid("a", "2026-03-10T08:00:00Z", "1"))
    assert ask("revenue-daily", days="2")[0]["payments"] == 0
    send(paid("late", "2026-03-09T07:00:00Z", "3"))
    assert ask("revenue-daily", days="2")[0]["volume"] == "3.000000"


def test_days_after_as_of_hold_nothing_later_than_it() -> None:
    send(paid("a", "2026-03-10T11:59:00Z"), paid("b", "2026-03-10T12:01:00Z"))
    (today,) = ask("revenue-daily", days="1")
    assert (today["payments"], today["uniquePayers"]) == (1, 1)
