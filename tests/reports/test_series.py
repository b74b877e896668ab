"""Days and hours of a time zone as moments."""

from datetime import UTC, date, datetime, timedelta

import pytest

from analytics.params import Range
from analytics.series import day_starts, days_of, grain, hour_starts, midnight, wall_hours


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "first", "coarsest"),
    [
        ("UTC", "2026-03-01", 2),
        ("Europe/London", "2026-01-05", 2),  # winter: no offset
        ("Europe/London", "2026-03-27", 1),  # summer time begins on 29 March
        ("America/New_York", "2026-03-01", 1),
        ("Asia/Kolkata", "2026-03-01", 0),
        ("Asia/Kathmandu", "2026-03-01", 0),
        ("Australia/Lord_Howe", "2026-01-05", 1),  # UTC+11 in summer
        ("Australia/Lord_Howe", "2026-04-01", 0),  # UTC+10:30 from 5 April
    ],
)
def test_the_grain_is_the_coarsest_that_no_slot_cuts(zone: str, first: str, coarsest: int) -> None:
    days = [date.fromisoformat(first) + timedelta(days=n) for n in range(10)]
    assert grain(day_starts(days, zone)) == coarsest


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", "2026-03-08", 23),
        ("America/New_York", "2026-11-01", 25),
        ("America/St_Johns", "2026-03-08", 23),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("Asia/Kathmandu", "2026-03-08", 24),
    ],
)
def test_days_are_as_long_as_the_clock_makes_them(zone: str, day: str, hours: float) -> None:
    one = date.fromisoformat(day)
    length = midnight(one + timedelta(days=1), zone) - midnight(one, zone)
    assert length == timedelta(hours=hours)


def test_a_day_that_begins_twice_begins_the_first_time() -> None:
    # On the Azores the clock goes from 01:00 back to 00:00 on 25 October 2026.
    assert midnight(date(2026, 10, 25), "Atlantic/Azores") == utc("2026-10-25T00:00:00")


def test_a_day_that_begins_late_begins_when_the_clock_has_jumped() -> None:
    # In Beirut the clock goes from 00:00 on to 01:00 on 29 March 2026.
    assert midnight(date(2026, 3, 29), "Asia/Beirut") == utc("2026-03-28T22:00:00")


def test_hours_begin_with_the_one_that_holds_the_start() -> None:
    starts = hour_starts(utc("2026-03-10T10:20:00"), utc("2026-03-10T12:00:00"), "Asia/Kolkata")
    assert starts == [
        utc("2026-03-10T09:30:00"),
        utc("2026-03-10T10:30:00"),
        utc("2026-03-10T11:30:00"),
    ]


def test_a_start_on_the_hour_is_a_slot_of_its_own() -> None:
    starts = hour_starts(utc("2026-03-10T10:00:00"), utc("2026-03-10T11:00:00"), "UTC")
    assert starts == [utc("2026-03-10T10:00:00")]


def test_a_repeated_hour_is_two_hours() -> None:
    day = date(2026, 11, 1)
    zone = "America/New_York"
    hours = wall_hours(midnight(day, zone), midnight(day + timedelta(days=1), zone), zone)
    assert [hour.hour for hour, _ in hours] == [0, 1, 1, *range(2, 24)]


def test_days_of_all_time_end_today_even_when_there_is_no_fact() -> None:
    as_of = utc("2026-03-10T12:00:00")
    always = Range(None, as_of, as_of, as_of)
    assert days_of(always, None, "UTC") == [date(2026, 3, 10)]
    assert days_of(always, utc("2026-03-08T23:00:00"), "UTC")[0] == date(2026, 3, 8)
    assert days_of(always, utc("2026-03-08T23:00:00"), "Asia/Kolkata")[0] == date(2026, 3, 9)
