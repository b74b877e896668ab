"""How a window is cut: what is read from days, from hours, from quarter hours and from facts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from analytics.models import Grain, StaleMark

FACTS = -1
DAY = datetime(2026, 3, 10, tzinfo=UTC)
WIDTHS = {
    Grain.QUARTER: timedelta(minutes=15),
    Grain.HOUR: timedelta(hours=1),
    Grain.DAY: timedelta(days=1),
}
Part = tuple[int, datetime, datetime]


def parts(start: datetime, end: datetime, grain: Grain) -> list[Part]:
    """The parts of [start, end) in order of time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select grain, lo, hi from analytics_parts(%s, %s, %s) order by lo",
            [start, end, int(grain)],
        )
        return list(cursor.fetchall())


def mark(grain: Grain, bucket: datetime) -> None:
    StaleMark.objects.create(grain=grain, bucket=bucket)


def at(text: str) -> datetime:
    """A day of March 2026 and a time, as in `10 09:15`."""
    return datetime.fromisoformat(f"2026-03-{text}:00+00:00")


@pytest.mark.django_db
def test_a_window_is_whole_days_between_finer_edges() -> None:
    assert parts(at("09 22:40"), at("12 01:20"), Grain.DAY) == [
        (FACTS, at("09 22:40"), at("09 22:45")),
        (Grain.QUARTER, at("09 22:45"), at("09 23:00")),
        (Grain.HOUR, at("09 23:00"), at("10 00:00")),
        (Grain.DAY, at("10 00:00"), at("12 00:00")),
        (Grain.HOUR, at("12 00:00"), at("12 01:00")),
        (Grain.QUARTER, at("12 01:00"), at("12 01:15")),
        (FACTS, at("12 01:15"), at("12 01:20")),
    ]


@pytest.mark.django_db
def test_a_stale_quarter_hour_is_read_from_the_facts_and_its_neighbours_are_not() -> None:
    mark(Grain.QUARTER, at("11 05:30"))
    assert parts(at("10 00:00"), at("13 00:00"), Grain.DAY) == [
        (Grain.DAY, at("10 00:00"), at("11 00:00")),
        (Grain.HOUR, at("11 00:00"), at("11 05:00")),
        (Grain.QUARTER, at("11 05:00"), at("11 05:30")),
        (FACTS, at("11 05:30"), at("11 05:45")),
        (Grain.QUARTER, at("11 05:45"), at("11 06:00")),
        (Grain.HOUR, at("11 06:00"), at("12 00:00")),
        (Grain.DAY, at("12 00:00"), at("13 00:00")),
    ]


@pytest.mark.django_db
def test_a_stale_hour_is_read_from_its_quarter_hours_and_a_stale_day_from_its_hours() -> None:
    mark(Grain.HOUR, at("10 07:00"))
    mark(Grain.DAY, at("11 00:00"))
    assert parts(at("10 00:00"), at("12 00:00"), Grain.DAY) == [
        (Grain.HOUR, at("10 00:00"), at("10 07:00")),
        (Grain.QUARTER, at("10 07:00"), at("10 08:00")),
        (Grain.HOUR, at("10 08:00"), at("12 00:00")),
    ]


@pytest.mark.django_db
def test_no_part_is_coarser_than_asked_for_and_an_empty_window_has_none() -> None:
    assert parts(at("10 00:00"), at("12 00:00"), Grain.QUARTER) == [
        (Grain.QUARTER, at("10 00:00"), at("12 00:00"))
    ]
    assert parts(at("10 00:00"), at("12 00:30"), Grain.HOUR) == [
        (Grain.HOUR, at("10 00:00"), at("12 00:00")),
        (Grain.QUARTER, at("12 00:00"), at("12 00:30")),
    ]
    assert parts(at("12 00:00"), at("12 00:00"), Grain.DAY) == []
    assert parts(at("12 00:00"), at("10 00:00"), Grain.DAY) == []


moments = st.integers(0, 4 * 24 * 60).map(lambda minutes: DAY + timedelta(minutes=minutes))
marks = st.lists(st.tuples(st.sampled_from(list(Grain)), st.integers(0, 4 * 96)), max_size=12)


class AnyWindow(TestCase):
    """Whatever is marked."""

    @given(start=moments, end=moments, grain=st.sampled_from(list(Grain)), marks=marks)
    def test_parts_cover_it_once_and_none_of_them_is_stale(
        self, start: datetime, end: datetime, grain: Grain, marks: Sequence[tuple[Grain, int]]
    ) -> None:
        stale = [(level, bucket_of(level, quarter)) for level, quarter in marks]
        for level, bucket in stale:
            mark(level, bucket)
        found = parts(start, end, grain)
        assert_covered(found, start, end)
        for part, lo, hi in found:
            assert not [b for level, b in stale if level <= part and lo <= b < hi]


def bucket_of(grain: Grain, quarter: int) -> datetime:
    """The bucket that holds a quarter hour."""
    return DAY + timedelta(minutes=15 * quarter) // WIDTHS[grain] * WIDTHS[grain]


def assert_covered(found: Sequence[Part], start: datetime, end: datetime) -> None:
    edges = [start, *(hi for _, _, hi in found)]
    assert [lo for _, lo, _ in found] == edges[:-1]
    assert edges[-1] == max(start, end)
    for level, lo, hi in found:
        width = WIDTHS.get(Grain(level), timedelta(microseconds=1)) if level >= 0 else None
        assert lo < hi
        assert width is None or (lo - DAY) % width == (hi - DAY) % width == timedelta()
