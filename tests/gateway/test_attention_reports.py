"""The reports anomalies, compliance and dashboard."""

from typing import Any

import pytest

from billing.gateway import exports
from tests.gateway.small import ask, call, denied, key, logged, small_gateway

pytestmark = pytest.mark.django_db

HALF_PAST_TEN = "2026-02-16T10:30:00.000Z"


def seen(answer: dict[str, Any], *names: str) -> list[tuple[Any, ...]]:
    """Members of each anomaly."""
    return [tuple(row[name] for name in names) for row in answer["anomalies"]]


def test_a_name_is_unusual_from_three_calls_of_which_more_than_half_were_denied() -> None:
    shared = {"keyName": "shared"}
    small_gateway(
        calls=[
            denied(1, at="2026-02-16T10:00:01.000Z", **shared),
            denied(9, at="2026-02-16T10:00:02.000Z", apiKey="hello", keyName=""),
            denied(9, at="2026-02-16T10:00:03.000Z", apiKey="hello", keyName=""),
            denied(9, at="2026-02-16T10:00:04.000Z", apiKey="hello", keyName=""),
            denied(2, at="2026-02-16T10:00:05.000Z", **shared),
            call(1, creditsCharged=-1, denyReason="refund", **shared),
            *(denied(3, at=f"2026-02-16T10:00:1{n}.000Z") for n in range(2)),
            *(call(3, at=f"2026-02-16T10:00:2{n}.000Z") for n in range(2)),
            *(denied(4, at=f"2026-02-16T10:00:3{n}.000Z") for n in range(2)),
        ]
    )
    answer = ask("anomalies")
    assert seen(answer, "keyName", "description") == [
        ("shared", 'Key "shared" has 67% denial rate (2/3 calls denied)'),
        ("hello", 'Key "hello" has 100% denial rate (3/3 calls denied)'),
    ]
    assert answer["anomalies"][0]["details"] == {
        "allowed": 1,
        "denied": 2,
        "total": 3,
        "denialRate": 0.6667,
    }
    assert answer["summary"] == {"totalAnomalies": 2, "byType": {"high_denial_rate": 2}}


def test_a_key_may_be_depleted_and_low_at_once_and_revoked_ones_are_neither() -> None:
    small_gateway(
        [
            key(1, credits=43, totalSpent=157),  # 78.5 % used: half up
            key(2, credits=25, totalSpent=75, suspended=True),  # exactly 75 %
            key(3, credits=26, totalSpent=74),
            key(4, credits=10, totalSpent=1),  # exactly 10 credits
            key(5, credits=100, totalSpent=900),  # exactly 10 %
            key(6, credits=0, totalSpent=0),  # nothing given
            key(7, credits=0, totalSpent=5, active=False),
        ]
    )
    answer = ask("anomalies")
    assert seen(answer, "type", "keyName") == [
        ("rapid_credit_depletion", "key-1"),
        ("rapid_credit_depletion", "key-2"),
        ("rapid_credit_depletion", "key-5"),
        ("low_credits", "key-4"),
        ("low_credits", "key-5"),
    ]
    first, low = answer["anomalies"][0], answer["anomalies"][4]
    assert first["description"] == 'Key "key-1" has used 79% of allocated credits (157/200)'
    assert low["description"] == 'Key "key-5" has only 100 credits remaining (10% of allocated)'
    assert list(low["details"].items()) == [
        ("remaining", 100),
        ("totalAllocated", 1000),
        ("remainingPct", 0.1),
    ]
    assert answer["summary"]["byType"] == {"rapid_credit_depletion": 3, "low_credits": 2}


def test_the_compliance_score_rounds_a_half_up_and_misses_the_calls() -> None:
    small_gateway(
        [
            key(1, expiresAt="2026-03-01T00:00:00Z", deniedTools=["x"]),
            key(2, ipAllowlist=[], suspended=True),
            key(3, allowedTools=["x"], active=False),
        ]
    )
    answer = ask("compliance")
    assert answer["keyGovernance"] == {
        "totalKeys": 2,
        "keysWithExpiry": 1,
        "keysWithoutExpiry": 1,
    }
    assert answer["overallScore"] == 13  # 12.5: a half of 25
    assert answer["recommendations"] == [
        "Set expiry dates on 1 key(s) without time-limited access",
        "Add tool ACL restrictions to 2 key(s) with unrestricted tool access",
        "Add IP allowlists to 2 key(s) accessible from any IP",
        "Set spending limits on 2 key(s) without cost controls",
        "No usage events recorded — ensure audit trail is capturing tool calls",
    ]


def test_the_trail_is_the_meter_and_counts_names_not_keys() -> None:
    small_gateway(
        [key(1, "twin", allowedTools=["a"], ipAllowlist=["::1"], spendingLimit=9)],
        [call(1, keyName="twin"), call(2, keyName="twin"), call(3, tool="", keyName="")],
        [logged(1, "gate.allow")],
    )
    answer = ask("compliance")
    assert answer["auditTrail"] == {"totalEvents": 3, "uniqueTools": 1, "uniqueKeys": 2}
    assert answer["overallScore"] == 75


def test_every_key_counts_once_by_what_is_worst_about_it() -> None:
    past = "2026-02-16T12:00:00Z"
    small_gateway(
        [
            key(1),
            key(2, suspended=True),
            key(3, suspended=True, expiresAt=past, credits=0),
            key(4, suspended=True, expiresAt=past, active=False, credits=0),
            key(5, expiresAt="2026-02-17T12:00:00Z"),
            key(6, expiresAt="2026-02-23T12:00:00Z"),
            key(7, expiresAt="2026-02-23T12:00:01Z", totalSpent=50),
        ]
    )
    answer = ask("dashboard")
    assert answer["keys"] == {
        "total": 7,
        "active": 4,
        "suspended": 1,
        "revoked": 1,
        "expired": 1,
    }
    assert answer["credits"] == {
        "totalAllocated": 550,
        "totalSpent": 50,
        "totalRemaining": 500,
    }
    assert answer["notifications"] == {"critical": 3, "warning": 1, "info": 2}
    assert answer["uptime"] == {"startedAt": None, "uptimeSeconds": 0, "uptimeHours": 0}


def test_uptime_counts_whole_seconds_and_tenths_of_hours() -> None:
    source = small_gateway()
    exports.import_config(source, b'{"startedAt": "2026-02-16T10:44:59.500Z"}')
    assert ask("dashboard")["uptime"] == {
        "startedAt": "2026-02-16T10:44:59.500Z",
        "uptimeSeconds": 4500,  # 4500.5
        "uptimeHours": 1.3,  # 1.2501
    }


def test_whole_numbers_lead_among_equal_names_and_inherited_names_are_lost() -> None:
    tools = ["b", "10", "a", "9", "010", "__proto__", "constructor"]
    small_gateway(
        calls=[
            call(n, f"2026-02-16T10:00:0{n}.000Z", tool=tool, keyName=tool)
            for n, tool in enumerate(tools)
        ]
    )
    answer = ask("dashboard")
    assert [row["tool"] for row in answer["topTools"]] == ["9", "10", "b", "a", "010"]
    assert [row["name"] for row in answer["topConsumers"]] == ["9", "10", "b", "a", "010"]
    assert answer["usage"]["totalCalls"] == answer["usage"]["totalCreditsSpent"] == 7


def test_the_dashboard_lists_ten_tools_by_calls_and_ten_names_by_credits() -> None:
    many = [call(n, tool=f"tool-{n:02}", creditsCharged=n) for n in range(12)]
    refund = call(11, HALF_PAST_TEN, creditsCharged=-20, denyReason="refund", tool="tool-11")
    small_gateway(calls=[*many, refund, denied(3, tool="tool-05", creditsCharged=7)])
    answer = ask("dashboard")
    tools = [(row["tool"], row["calls"], row["denied"]) for row in answer["topTools"]]
    assert tools[:3] == [("tool-05", 2, 1), ("tool-11", 2, 0), ("tool-00", 1, 0)]
    assert len(tools) == 10
    names = [(row["name"], row["credits"]) for row in answer["topConsumers"]]
    assert names[0] == ("key-10", 10)
    assert ("key-3", 3) in names
    assert len(names) == 10
    assert "key-11" not in dict(names)  # 11 - 20
    assert answer["usage"]["denyReasons"] == [{"reason": "rate_limited: 5", "count": 1}]
    assert answer["usage"]["totalCreditsSpent"] == 46  # 66 - 20, what a denied call says is none


def test_a_window_limits_the_calls_of_the_dashboard() -> None:
    small_gateway(calls=[call(1, "2026-02-16T10:59:59.999Z"), call(1, "2026-02-16T11:30:00.000Z")])
    assert ask("dashboard", window="1h")["usage"]["totalCalls"] == 1
