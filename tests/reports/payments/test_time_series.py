"""The report `time-series`."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.builders import ask, earned, paid, send

pytestmark = pytest.mark.django_db


def epoch_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)


def nonzero(series: dict[str, Any]) -> dict[int, Any]:
    return {p["timestamp"]: p["value"] for p in series["points"] if p["value"] != 0}


def test_a_day_is_drawn_by_the_hour_from_the_hour_of_its_start() -> None:
    send(
        paid("outside", "2026-03-09T12:20:00Z", "100"),
        paid("first", "2026-03-09T12:40:00Z", "1.5"),
        paid("last", "2026-03-10T12:30:00Z", "2"),
    )
    found = ask("time-series", as_of="2026-03-10T12:30:00Z")
    assert (found["name"], found["window"], found["aggregation"]) == ("volume", "24h", "sum")
    assert len(found["points"]) == 25
    assert found["points"][0] == {
        "timestamp": epoch_ms("2026-03-09T12:00:00Z"),
        "value": Decimal("1.5"),
    }
    assert found["points"][-1] == {"timestamp": epoch_ms("2026-03-10T12:00:00Z"), "value": 2}


def test_longer_windows_are_drawn_by_the_day_of_the_zone() -> None:
    send(paid("a", "2026-03-09T18:14:59Z", "1"), paid("b", "2026-03-09T18:15:00Z", "2"))
    found = ask("time-series", window="7d", tz="Asia/Kathmandu")
    assert len(found["points"]) == 8
    assert nonzero(found) == {
        epoch_ms("2026-03-09T00:00:00+05:45"): 1,
        epoch_ms("2026-03-10T00:00:00+05:45"): 2,
    }


def test_each_metric_measures_what_its_name_says() -> None:
    send(
        paid("a", "2026-03-10T10:00:00Z", "5", "0.25"),
        paid("b", "2026-03-10T10:30:00Z", "5", "0.25"),
        earned("p", "2026-03-10T10:00:00Z", "premium", "2"),
    )
    at = epoch_ms("2026-03-10T10:00:00Z")
    values = {
        metric: nonzero(ask("time-series", metric=metric))
        for metric in ("volume", "fees", "payments", "revenue")
    }
    assert values == {
        "volume": {at: 10},
        "fees": {at: Decimal("0.5")},
        "payments": {at: 2},
        "revenue": {at: Decimal("2.5")},
    }
    assert ask("time-series", metric="payments")["aggregation"] == "count"


def test_a_range_up_to_a_day_is_drawn_by_the_hour() -> None:
    span = {"from": "2026-03-09T10:30:00Z", "to": "2026-03-09T13:00:00Z"}
    found = ask("time-series", **span)
    assert found["window"] == "custom"
    assert [p["timestamp"] for p in found["points"]] == [
        epoch_ms(f"2026-03-09T{hour}:00:00Z") for hour in (10, 11, 12)
    ]


def test_all_time_begins_with_the_first_fact() -> None:
    send(paid("a", "2026-03-05T10:00:00Z", "1"))
    found = ask("time-series", window="all")
    assert found["points"][0] == {"timestamp": epoch_ms("2026-03-05T00:00:00Z"), "value": 1}
    assert len(found["points"]) == 6


def test_a_repeated_hour_is_two_points() -> None:
    send(paid("first", "2025-11-02T05:30:00Z", "1"), paid("again", "2025-11-02T06:30:00Z", "2"))
    span = {"from": "2025-11-02T00:00:00", "to": "2025-11-02T04:00:00", "tz": "America/New_York"}
    points = ask("time-series", **span)["points"]
    assert [point["value"] for point in points] == [0, 1, 2, 0, 0]


@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        ("UTC", "2026-03-01T00:07:00Z", "2026-03-20T23:53:00Z"),
        ("Asia/Kolkata", "2026-03-01T00:07:00Z", "2026-03-20T23:53:00Z"),
        ("Asia/Kathmandu", "2026-03-01T00:07:00Z", "2026-03-20T23:53:00Z"),
        ("America/St_Johns", "2026-03-01T00:07:00Z", "2026-03-20T23:53:00Z"),
        ("Australia/Lord_Howe", "2026-03-25T00:07:00Z", "2026-04-20T23:53:00Z"),
    ],
)
def test_the_points_add_up_to_the_range_in_every_zone(zone: str, start: str, end: str) -> None:
    send(
        paid(
            f"p{month}-{n}",
            f"2026-{month:02}-{n:02}T{n * 7 % 24:02}:{n * 11 % 60:02}:30Z",
            f"{n}.{month:06}",
        )
        for month in (3, 4)
        for n in range(1, 31)
    )
    asked = {"as_of": "2026-05-01T00:00:00Z", "from": start, "to": end}
    points = ask("time-series", tz=zone, **asked)["points"]
    total = Decimal(ask("payments", **asked)["totalVolume"])
    assert total > 0
    assert sum(Decimal(point["value"]) for point in points) == total
