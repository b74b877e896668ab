"""analytics: calls in slots, by tool and consumer, beside the period before."""

from typing import Any

import pytest
from rest_framework.exceptions import ValidationError

from tests.gateway.small import ask, call, denied, small_gateway

pytestmark = pytest.mark.django_db

REFUND = {"denyReason": "refund"}


def at(moment: str, number: int = 1, **fields: Any) -> dict[str, Any]:
    return call(number, f"2026-02-{moment}Z", **fields)


def slots(answer: Any) -> list[tuple[str, int, int, int]]:
    """Where each slot begins, with its calls, denials and credits; empty ones left out."""
    return [
        (slot["start"], slot["calls"], slot["denied"], slot["credits"])
        for slot in answer["timeSeries"]
        if slot["calls"]
    ]


def test_the_last_24_hours_in_hours_that_begin_where_the_day_does() -> None:
    small_gateway(
        calls=[
            at("15T11:59:59.999"),
            at("15T12:00:00.000", creditsCharged=2),
            at("15T12:59:59.999", creditsCharged=3),
            denied(1, at="2026-02-15T13:00:00.001Z"),
            at("16T12:00:00.000", creditsCharged=4),  # as of this moment
            at("16T12:00:00.001", creditsCharged=9),
        ]
    )
    answer = ask("analytics")
    assert len(answer["timeSeries"]) == 24
    assert (answer["from"], answer["to"]) == (
        "2026-02-15T12:00:00.000Z",
        "2026-02-16T12:00:00.000Z",
    )
    assert slots(answer) == [
        ("2026-02-15T12:00:00.000Z", 2, 0, 5),
        ("2026-02-15T13:00:00.000Z", 1, 1, 0),
        ("2026-02-16T11:00:00.000Z", 1, 0, 4),
    ]
    assert answer["trend"]["current"] == {"calls": 4, "credits": 9, "denied": 1}
    assert answer["trend"]["previous"] == {"calls": 1, "credits": 1, "denied": 0}
    assert answer["trend"]["change"] == {"calls": 300, "credits": 800, "denied": None}


def test_slots_that_begin_at_no_quarter_hour() -> None:
    small_gateway(calls=[at("16T10:10:00.000"), at("16T10:15:00.000"), at("16T11:07:30.000")])
    period = {"from": "2026-02-16T10:07:30Z", "to": "2026-02-16T11:37:30Z"}
    answer = ask("analytics", **period)
    assert slots(answer) == [
        ("2026-02-16T10:07:30.000Z", 2, 0, 2),
        ("2026-02-16T11:07:30.000Z", 1, 0, 1),
    ]
    assert answer["timeSeries"][-1]["end"] == "2026-02-16T11:37:30.000Z"
    assert answer["summary"]["totalCalls"] == 3


def test_the_end_of_a_named_period_is_not_in_it() -> None:
    small_gateway(calls=[at("16T10:00:00.000"), at("16T11:00:00.000")])
    answer = ask("analytics", **{"from": "2026-02-16T10:00:00Z", "to": "2026-02-16T11:00:00Z"})
    assert slots(answer) == [("2026-02-16T10:00:00.000Z", 1, 0, 1)]
    assert answer["summary"]["totalCalls"] == 1


def test_days_of_all_time_are_those_of_the_zone() -> None:
    small_gateway(
        calls=[
            call(1, "2026-01-30T18:40:00.000Z"),  # 00:10 on the 31st in Kolkata
            call(1, "2026-01-31T18:29:00.000Z"),  # 23:59 of the same day
            call(1, "2026-01-31T18:30:00.000Z"),  # midnight
        ]
    )
    answer = ask("analytics", window="all", granularity="daily", tz="Asia/Kolkata")
    assert answer["from"] == "2026-01-30T18:30:00.000Z"
    assert slots(answer) == [
        ("2026-01-30T18:30:00.000Z", 2, 0, 2),
        ("2026-01-31T18:30:00.000Z", 1, 0, 1),
    ]
    assert len(answer["timeSeries"]) == 17
    assert answer["trend"]["previous"] == {"calls": 0, "credits": 0, "denied": 0}


def test_days_are_as_long_as_they_are_there() -> None:
    small_gateway(calls=[call(1, "2025-10-26T22:30:00.000Z")])
    period = {"from": "2025-10-25T22:00:00Z", "to": "2025-10-27T23:00:00Z"}
    answer = ask("analytics", granularity="daily", tz="Europe/Berlin", **period)
    assert [(slot["start"], slot["calls"]) for slot in answer["timeSeries"]] == [
        ("2025-10-25T22:00:00.000Z", 1),  # 25 hours
        ("2025-10-26T23:00:00.000Z", 0),
    ]


def test_consumers_are_told_apart_by_their_first_characters() -> None:
    small_gateway(
        calls=[
            at("16T09:00:00.000", 1, keyName="", creditsCharged=1),
            at("16T09:00:01.000", 2, keyName="same", tool="b", creditsCharged=5),
            at("16T09:00:02.000", 3, keyName="same", tool="a", creditsCharged=5),
            at("16T09:00:03.000", 2, keyName="renamed", tool="a", creditsCharged=0),
            denied(3, at="2026-02-16T09:00:04.000Z", keyName="unknown", tool="c"),
            at("16T09:00:05.000", 3, keyName="same", tool="c", creditsCharged=-1, **REFUND),
        ]
    )
    answer = ask("analytics")
    assert answer["topConsumers"] == [
        # of equal numbers of calls the first tool counts
        {"keyName": "same", "calls": 2, "credits": 5, "denied": 0, "topTool": "b"},
        {"keyName": "same", "calls": 3, "credits": 4, "denied": 1, "topTool": "c"},
        {"keyName": "pg_0000001...", "calls": 1, "credits": 1, "denied": 0, "topTool": "search"},
    ]
    shortened = ask("analytics", top="1")
    assert shortened["topConsumers"] == answer["topConsumers"][:1]
    assert shortened["summary"]["uniqueKeys"] == 3


def test_shares_are_not_rounded() -> None:
    calls = [at(f"16T09:00:0{n}.000", tool="t", creditsCharged=n) for n in (1, 2, 2)]
    small_gateway(calls=[*calls, denied(1, at="2026-02-16T09:00:04.000Z", tool="t")])
    (tool,) = ask("analytics")["tools"]
    assert (tool["successRate"], tool["avgCreditsPerCall"]) == (0.75, 1.6666666666666667)


def test_changes_have_one_decimal_with_halves_upwards() -> None:
    before = [at(f"15T11:{n:02}:00.000", creditsCharged=0) for n in range(16)]
    now = [at(f"16T11:{n:02}:00.000") for n in range(15)]
    small_gateway(calls=before + now)
    # (15 - 16) / 16 is -6.25 %
    assert ask("analytics")["trend"]["change"] == {"calls": -6.2, "credits": None, "denied": None}


def test_only_one_namespace() -> None:
    small_gateway(
        calls=[
            at("16T09:00:00.000", namespace="acme"),
            at("16T09:30:00.000", namespace="other"),
            at("16T09:45:00.000"),
            at("15T09:00:00.000", namespace="acme"),
        ]
    )
    answer = ask("analytics", namespace="acme")
    assert slots(answer) == [("2026-02-16T09:00:00.000Z", 1, 0, 1)]
    assert answer["summary"] == {
        "totalCalls": 1,
        "totalCredits": 1,
        "totalDenied": 0,
        "uniqueKeys": 1,
        "uniqueTools": 1,
        "successRate": 1,
    }
    assert answer["trend"]["change"]["calls"] == 0


def test_nothing_at_all() -> None:
    small_gateway()
    answer = ask("analytics", window="all")
    assert (answer["timeSeries"], answer["tools"], answer["topConsumers"]) == ([], [], [])
    assert answer["summary"]["successRate"] == 1


@pytest.mark.parametrize(
    "query",
    [{"from": "1970-01-02T00:00:00Z"}, {"granularity": "weekly"}, {"top": "0"}, {"top": "1001"}],
)
def test_bad_questions_are_refused(query: dict[str, str]) -> None:
    small_gateway()
    with pytest.raises(ValidationError):
        ask("analytics", **query)
