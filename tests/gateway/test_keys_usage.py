"""keys-usage: what one key called."""

from typing import Any

import pytest

from tests.gateway.small import ask, call, denied, key, mask, small_gateway

pytestmark = pytest.mark.django_db


def at(moment: str, **fields: Any) -> dict[str, Any]:
    return call(1, f"2026-02-{moment}Z", **fields)


def test_calls_by_tool_reason_and_hour() -> None:
    small_gateway(
        [key(1, credits=93, suspended=True), key(2)],
        [
            at("15T10:59:59.999", tool="b", creditsCharged=4),
            at("15T11:00:00.000", tool="7", creditsCharged=5),
            at("15T11:00:00.000", tool="7", creditsCharged=-5, denyReason="refund"),
            denied(1, "key_suspended", at="2026-02-15T11:30:00.000Z", tool="b"),
            denied(1, "404", at="2026-02-15T12:00:00.000Z", tool="<b>", keyName="unknown"),
            call(2),
        ],
    )
    answer = ask("keys-usage", key=mask(1))
    assert answer == {
        "key": "pg_0000001...",
        "name": "key-1",
        "credits": 93,
        "active": True,
        "suspended": True,
        "since": "all",
        "totalCalls": 5,
        "totalAllowed": 3,
        "totalDenied": 2,
        "totalCreditsSpent": 4,
        "perTool": {
            "7": {"calls": 2, "credits": 0, "denied": 0},
            "b": {"calls": 2, "credits": 4, "denied": 1},
            "<b>": {"calls": 1, "credits": 0, "denied": 1},
        },
        "denyReasons": {"404": 1, "key_suspended": 1},
        "timeSeries": [
            {"hour": "2026-02-15T10:00:00", "calls": 1, "credits": 4, "denied": 0},
            {"hour": "2026-02-15T11:00:00", "calls": 3, "credits": 0, "denied": 1},
            {"hour": "2026-02-15T12:00:00", "calls": 1, "credits": 0, "denied": 1},
        ],
        "recentEvents": answer["recentEvents"],
    }
    assert list(answer["perTool"]) == ["7", "b", "<b>"]
    assert answer["recentEvents"][0] == {
        "timestamp": "2026-02-15T12:00:00.000Z",
        "tool": "<b>",
        "creditsCharged": 0,
        "allowed": False,
        "denyReason": "404",
    }
    assert [event["creditsCharged"] for event in answer["recentEvents"]] == [0, 0, -5, 5, 4]


def test_hours_are_those_of_the_zone() -> None:
    small_gateway([key(1)], [at("15T18:20:00.000"), at("15T18:40:00.000")])
    answer = ask("keys-usage", key=mask(1), tz="Asia/Kolkata")
    assert [hour["hour"] for hour in answer["timeSeries"]] == [
        "2026-02-15T23:00:00",
        "2026-02-16T00:00:00",
    ]


def test_a_window_says_since_when() -> None:
    small_gateway([key(1)], [at("14T00:00:00.000"), at("15T00:00:00.000")])
    answer = ask("keys-usage", key=mask(1), **{"from": "2026-02-15T00:00:00Z"})
    assert (answer["since"], answer["totalCalls"]) == ("2026-02-15T00:00:00.000Z", 1)


def test_the_newest_fifty() -> None:
    small_gateway([key(1)], [at(f"15T10:{n:02}:00.000", tool=f"t{n}") for n in range(55)])
    events = ask("keys-usage", key=mask(1))["recentEvents"]
    assert [event["tool"] for event in events] == [f"t{n}" for n in range(54, 4, -1)]


def test_calls_of_two_keys_with_one_beginning_are_nobodys() -> None:
    twin = {"key": "pg_0000001" + "e" * 41, "name": "twin"}
    small_gateway([key(1), key(1) | twin], [at("15T10:00:00.000")])
    assert ask("keys-usage", key=mask(1))["totalCalls"] == 0
