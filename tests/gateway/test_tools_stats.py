"""tools-stats: the request log by tool, and one tool in detail."""

import json
from typing import Any

import pytest

from billing.gateway import exports
from tests.gateway.small import ask, mask, small_gateway

pytestmark = pytest.mark.django_db


def logged(*entries: dict[str, Any]) -> None:
    """A gateway that logged these, one a second from 10:00:00 on."""
    source = small_gateway()
    requests = [
        {
            "id": n,
            "timestamp": f"2026-02-16T10:{n // 60:02}:{n % 60:02}.000Z",
            "tool": "t",
            "key": mask(1),
            "status": "allowed",
            "credits": 2,
            "durationMs": 10,
        }
        | entry
        for n, entry in enumerate(entries)
    ]
    exports.import_requests(source, json.dumps({"requests": requests}).encode())


def refused(**fields: Any) -> dict[str, Any]:
    return {"status": "denied", "credits": 0, "durationMs": 0} | fields


def test_tools_by_requests_then_by_first_appearance() -> None:
    logged(
        {"tool": "b"},
        {"tool": "a", "durationMs": 5},
        {"tool": "__proto__"},
        refused(tool="a", denyReason="rate_limited"),
        {"tool": "7"},
    )
    answer = ask("tools-stats")
    assert (answer["totalTools"], answer["totalCalls"]) == (4, 5)
    assert [tool["tool"] for tool in answer["tools"]] == ["a", "b", "__proto__", "7"]
    assert answer["tools"][0] == {
        "tool": "a",
        "totalCalls": 2,
        "allowed": 1,
        "denied": 1,
        "successRate": 50,
        "totalCredits": 2,
        "avgDurationMs": 3,  # 2.5
    }


def test_one_tool_in_detail() -> None:
    logged(
        *[{"durationMs": n + 1} for n in range(19)],
        {"durationMs": 1000, "key": mask(2)},
        refused(denyReason="late"),
        refused(denyReason="7"),
        refused(denyReason="late"),
        {"tool": "other"},
    )
    answer = ask("tools-stats", tool="t")
    assert answer == {
        "tool": "t",
        "totalCalls": 23,
        "allowed": 20,
        "denied": 3,
        "successRate": 86.96,  # 86.956...
        "totalCredits": 40,
        "avgDurationMs": 52,  # 1190 / 23 = 51.7
        "p95DurationMs": 19,  # the 22nd of 23
        "denyReasons": {"7": 1, "late": 2},
        "topConsumers": [
            {"key": mask(1), "calls": 22, "credits": 38},
            {"key": mask(2), "calls": 1, "credits": 2},
        ],
    }
    assert list(answer["denyReasons"]) == ["7", "late"]


def test_at_most_ten_consumers() -> None:
    logged(*[{"key": mask(n)} for n in (*range(1, 13), 12)])
    consumers = ask("tools-stats", tool="t")["topConsumers"]
    assert [c["key"] for c in consumers] == [mask(12), *(mask(n) for n in range(1, 10))]


def test_a_tool_nobody_asked_for() -> None:
    logged({"tool": "other"})
    answer = ask("tools-stats", tool="t")
    assert answer["tool"] == "t"
    assert (answer["denyReasons"], answer["topConsumers"]) == ({}, [])
    figures = ("totalCalls", "allowed", "denied", "successRate", "totalCredits", "avgDurationMs")
    assert [answer[name] for name in (*figures, "p95DurationMs")] == [0] * 7


def test_a_window_and_nothing() -> None:
    logged({}, {}, {})
    since = ask("tools-stats", **{"from": "2026-02-16T10:00:01Z"})
    assert since["totalCalls"] == 2
    assert ask("tools-stats", **{"from": "2026-02-16T11:00:00Z"}) == {
        "totalTools": 0,
        "totalCalls": 0,
        "tools": [],
    }
