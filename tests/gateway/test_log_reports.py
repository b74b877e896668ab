"""Reports over the request log, on small logs made for the rules that recordings do not reach."""

import json
from decimal import Decimal
from typing import Any

import pytest

from analytics.registry import Family, find_report
from billing.api.renderers import exact_json
from billing.gateway import exports
from billing.models import Source
from tests.gateway.conftest import gateway

pytestmark = pytest.mark.django_db

NOON = "2026-02-16T12:00:00Z"
ALICE, BOB, CAROL = (f"pg_{letter * 32}" for letter in "abc")


@pytest.fixture
def source() -> Source:
    return gateway("small")


def masked(key: str) -> str:
    return f"{key[:7]}...{key[-4:]}"


def asked(time: str, tool: str = "search", key: str = ALICE, **more: Any) -> dict[str, Any]:
    """An allowed entry of the log at a time of 16 February; `denied` is the reason of a denial."""
    reason = more.pop("denied", None)
    status = "allowed" if reason is None else "denied"
    at = time if "T" in time else f"2026-02-16T{time}Z"
    entry = {"timestamp": at, "tool": tool, "key": masked(key), "status": status}
    costs = {"credits": 1 if reason is None else 0, "durationMs": 10, "denyReason": reason}
    return entry | costs | more


def log(source: Source, *entries: dict[str, Any]) -> None:
    """The entries in the order of the log, exported as the gateway does: newest first."""
    numbered = [entry | {"id": n} for n, entry in enumerate(entries, 1)]
    found = exports.import_requests(source, json.dumps({"requests": numbered[::-1]}).encode())
    assert found.new == len(entries), found


def made(key: str, name: str = "", **more: Any) -> dict[str, Any]:
    """A key record that never did anything."""
    counts = {"credits": 100, "totalSpent": 0, "totalCalls": 0, "active": True}
    return {"key": key, "name": name or key, "createdAt": "2026-02-01T00:00:00Z"} | counts | more


def keys(source: Source, *records: dict[str, Any]) -> None:
    """The key records in the gateway's order."""
    backup = {"timestamp": NOON, "data": {"keys": list(records), "groups": []}}
    found = exports.import_backup(source, json.dumps(backup).encode())
    assert found.new == len(records), found


def ask(slug: str, **query: str) -> Any:
    """What a report says at noon; numbers exact."""
    answer = find_report(slug, Family.GATEWAY).answer({"as_of": NOON, **query})
    return json.loads(exact_json(answer.data), parse_float=Decimal)


def test_equal_tools_come_in_the_order_in_which_the_log_met_them(source: Source) -> None:
    log(
        source,
        asked("10:00:00", "zebra"),
        asked("10:00:00", "ant"),
        asked("10:00:00", "mole"),
        asked("10:00:01", "mole"),
        asked("10:00:01", "ant", denied="key_suspended"),
    )
    assert [t["tool"] for t in ask("tool-popularity")["tools"]] == ["mole", "zebra", "ant"]
    assert [t["tool"] for t in ask("tool-revenue")["tools"]] == ["mole", "zebra", "ant"]
    assert ask("tool-profitability")["summary"] == {
        "totalRevenue": 4,
        "mostProfitable": "mole",
        "leastProfitable": "ant",
    }


def test_the_log_goes_on_when_a_gateway_counts_from_one_again(source: Source) -> None:
    log(source, asked("11:00:00", "late"), asked("11:00:01", "later"))
    again = [asked("09:00:00", "early") | {"id": 700}]
    exports.import_requests(source, json.dumps({"requests": again}).encode())
    tools = [t["tool"] for t in ask("tool-popularity")["tools"]]
    assert tools == ["early", "late", "later"]


def test_only_the_window_counts_and_nothing_later_than_as_of(source: Source) -> None:
    log(source, asked("10:59:59", "a"), asked("11:30:00", "b"), asked("12:00:00.001", "c"))
    assert ask("tool-popularity")["summary"]["totalCalls"] == 2
    assert ask("tool-popularity", window="1h")["summary"] == {
        "totalTools": 1,
        "totalCalls": 1,
        "mostPopular": "b",
    }
    assert ask("error-trends", window="1h")["summary"]["totalCalls"] == 1
    day = {"from": "2026-02-16T10:00:00Z", "to": "2026-02-16T11:00:00Z"}
    assert ask("hourly-traffic", **day)["summary"]["totalRequests"] == 1


def test_moments_of_the_next_century_are_counted(source: Source) -> None:
    log(source, asked("2199-12-31T23:59:59.999Z"))
    assert ask("tool-popularity", as_of="2199-12-31T23:59:59.999Z")["summary"]["totalCalls"] == 1


def test_averages_and_shares_of_tools_round_half_up(source: Source) -> None:
    log(
        source,
        asked("10:00:00", "a", credits=2),
        asked("10:00:01", "a", BOB, credits=3),
        *[asked(f"10:01:0{n}", "b", credits=5) for n in range(7)],
    )
    revenue = ask("tool-revenue")
    assert revenue["tools"][1] == {
        "tool": "a",
        "totalCredits": 5,
        "callCount": 2,
        "avgCreditsPerCall": 3,  # 2.5
        "uniqueConsumers": 2,
        "percentage": 13,  # 5 of 40
    }
    assert ask("tool-profitability")["tools"][1]["avgRevenuePerCall"] == Decimal("2.5")
    assert ask("tool-popularity")["tools"][1]["percentage"] == 22  # 2 of 9


def test_free_tools_have_no_share_of_nothing(source: Source) -> None:
    log(source, asked("10:00:00", "", credits=0))
    assert ask("tool-revenue")["tools"][0]["percentage"] == 0
    assert ask("tool-revenue")["summary"] == {"totalTools": 1, "totalRevenue": 0, "topTool": None}
    assert ask("tool-popularity")["summary"]["mostPopular"] is None
    assert ask("tool-profitability")["summary"]["mostProfitable"] == ""


def test_adoption_can_exceed_all_keys_and_is_zero_without_any(source: Source) -> None:
    log(source, asked("10:00:00"), asked("10:00:01", key=BOB), asked("10:00:02", key=CAROL))
    assert ask("tool-adoption")["tools"][0]["adoptionRate"] == 0
    keys(source, made(ALICE), made(BOB, suspended=True), made(CAROL, active=False))
    assert ask("tool-adoption") == {
        "tools": [
            {
                "tool": "search",
                "uniqueConsumers": 3,
                "adoptionRate": 300,
                "totalCalls": 3,
                "firstSeen": "2026-02-16T10:00:00.000Z",
                "lastSeen": "2026-02-16T10:00:02.000Z",
            }
        ],
        "summary": {"totalTools": 1, "usedTools": 1, "unusedTools": 0},
        "generatedAt": "2026-02-16T12:00:00.000Z",
    }


def test_error_rates_have_two_decimals_and_ties_go_by_requests(source: Source) -> None:
    log(
        source,
        asked("10:00:00", "", denied="x"),
        asked("10:00:01", "few", denied="x"),
        asked("10:00:02", "many", denied="x"),
        asked("10:00:03", "many", denied="x"),
        asked("10:00:04", "third", denied="x"),
        asked("10:00:05", "third"),
        asked("10:00:06", "third"),
    )
    told = ask("tool-error-rate")
    assert [(t["tool"], t["errorRate"]) for t in told["tools"]] == [
        ("many", 100),
        ("unknown", 100),
        ("few", 100),
        ("third", Decimal("33.33")),
    ]
    assert told["summary"] == {
        "totalTools": 4,
        "overallErrorRate": Decimal("71.43"),  # 5 of 7
        "highestErrorTool": "many",
    }
    # error-trends goes by first appearance and leaves a missing tool without a name
    assert [t["tool"] for t in ask("error-trends")["byTool"]] == ["", "few", "many", "third"]


def test_no_tool_is_highest_without_errors(source: Source) -> None:
    log(source, asked("10:00:00"))
    assert ask("tool-error-rate")["summary"]["highestErrorTool"] is None
    assert ask("error-breakdown")["errors"] == []


def test_reasons_are_counted_by_their_exact_text(source: Source) -> None:
    log(
        source,
        asked("10:00:00", denied="rate_limited: 5"),
        asked("10:00:01", denied=""),
        *[asked(f"10:00:1{n}", key=(ALICE, BOB)[n % 2], denied="quota") for n in range(6)],
    )
    told = ask("error-breakdown")
    assert told["errors"] == [
        {"reason": "quota", "count": 6, "percentage": 75, "affectedConsumers": 2},
        {"reason": "rate_limited: 5", "count": 1, "percentage": 13, "affectedConsumers": 1},
        {"reason": "unknown", "count": 1, "percentage": 13, "affectedConsumers": 1},
    ]
    assert told["summary"] == {"totalDenied": 8, "totalAllowed": 0, "errorRate": 100}
    assert ask("error-trends")["denialReasons"] == [
        {"reason": "quota", "count": 6},
        {"reason": "rate_limited: 5", "count": 1},
        {"reason": "unknown", "count": 1},
    ]


def halves(first: str, second: str) -> list[dict[str, Any]]:
    """One entry a minute from 6 o'clock; x is denied."""
    return [
        asked(f"{6 + n // 60:02}:{n % 60:02}:00", denied="no" if mark == "x" else None)
        for n, mark in enumerate(first + second)
    ]


@pytest.mark.parametrize(
    ("first", "second", "trend"),
    [
        ("", "", "stable"),
        ("o", "xx", "stable"),  # fewer than four
        ("oo", "xx", "degrading"),
        ("xx", "ooo", "improving"),  # of five the middle one is in the later half
        ("ox", "xox", "degrading"),  # 1/2 and 2/3
        ("o" * 20, "x" + "o" * 19, "stable"),  # exactly 0.05
        ("xxx" + "o" * 17, "xxxx" + "o" * 16, "degrading"),  # 0.2 - 0.15 > 0.05 in doubles
        ("xxxx" + "o" * 16, "xxx" + "o" * 17, "improving"),
        ("o" * 70, "o" * 60 + "x" * 11, "degrading"),  # the middle within an hour
        ("o" * 60, "x" * 60, "degrading"),  # the middle between hours
        ("x" * 60, "x" * 60, "stable"),
    ],
)
def test_the_trend_compares_the_halves_of_the_log(
    source: Source, first: str, second: str, trend: str
) -> None:
    log(source, *halves(first, second))
    told = ask("error-trends")["summary"]
    assert told["trend"] == trend
    assert told["totalCalls"] == len(first + second)
    assert told["totalDenials"] == (first + second).count("x")


def test_the_middle_of_one_millisecond_is_found_by_the_order_of_the_log(source: Source) -> None:
    log(source, *[asked("10:00:00", f"t{n}", denied="x" if n > 1 else None) for n in range(4)])
    assert ask("error-trends")["summary"]["trend"] == "degrading"


def test_members_that_are_numbers_come_first(source: Source) -> None:
    tools = ["zeta", "10", "__proto__", "2", "007", "zeta", "-1"]
    log(source, *[asked(f"10:00:0{n}", tool) for n, tool in enumerate(tools)])
    answer = find_report("access-heatmap", Family.GATEWAY).answer({"as_of": NOON})
    told = exact_json(answer.data).decode()
    # Object.fromEntries makes __proto__ a member like any other.
    assert '"tools":{"2":1,"10":1,"zeta":2,"__proto__":1,"007":1,"-1":1}' in told


def test_the_heatmap_has_hours_of_the_zone_and_the_first_peak(source: Source) -> None:
    log(
        source,
        asked("08:15:00"),
        asked("08:45:00", key=BOB),
        asked("08:50:00", denied="x"),
        asked("10:10:00"),
        asked("10:20:00"),
    )
    told = ask("access-heatmap")
    assert [(h["hour"], h["total"], h["uniqueConsumers"]) for h in told["hourly"]] == [
        ("2026-02-16T08:00:00.000Z", 2, 2),
        ("2026-02-16T10:00:00.000Z", 2, 1),
    ]
    assert told["summary"] == {
        "totalRequests": 4,
        "totalHours": 2,
        "peakHour": {"hour": "2026-02-16T08:00:00.000Z", "total": 2},
    }
    india = ask("access-heatmap", tz="Asia/Kolkata")
    assert [(h["hour"], h["total"]) for h in india["hourly"]] == [
        ("2026-02-16T13:00:00.000+05:30", 1),
        ("2026-02-16T14:00:00.000+05:30", 1),
        ("2026-02-16T15:00:00.000+05:30", 2),
    ]


def test_trends_average_denied_requests_too(source: Source) -> None:
    log(
        source,
        asked("08:00:00", durationMs=5, credits=2),
        asked("08:59:59.999", durationMs=0, denied="x", credits=7),
        asked("09:00:00", durationMs=8),
        asked("09:30:00", durationMs=1),
    )
    told = ask("request-trends")
    assert told["hourly"] == [
        {
            "hour": "2026-02-16T08:00:00Z",
            "total": 2,
            "allowed": 1,
            "denied": 1,
            "credits": 2,
            "avgDurationMs": 3,  # 2.5
        },
        {
            "hour": "2026-02-16T09:00:00Z",
            "total": 2,
            "allowed": 2,
            "denied": 0,
            "credits": 2,
            "avgDurationMs": 5,  # 4.5
        },
    ]
    assert told["summary"] == {
        "totalRequests": 4,
        "totalAllowed": 3,
        "totalDenied": 1,
        "totalCredits": 4,
        "avgDurationMs": 4,  # 3.5
        "peakHour": {"hour": "2026-02-16T08:00:00Z", "total": 2},
    }
    assert ask("hourly-traffic")["summary"] == {
        "totalRequests": 4,
        "totalCredits": 4,
        "busiestHour": "2026-02-16T09:00:00Z",
        "busiestHourRequests": 2,
    }


def test_traffic_counts_masks_and_named_tools_of_denied_requests_too(source: Source) -> None:
    log(
        source,
        asked("08:00:00", "a"),
        asked("08:01:00", "", BOB, denied="x"),
        asked("08:02:00", "b", CAROL, denied="x"),
        asked("08:03:00", "a", BOB),
    )
    (hour,) = ask("hourly-traffic", tz="America/St_Johns")["hours"]
    assert hour == {
        "timestamp": "2026-02-16T04:00:00-03:30",
        "requests": 4,
        "allowed": 2,
        "denied": 2,
        "credits": 2,
        "uniqueConsumers": 3,
        "uniqueTools": 2,
    }


def test_an_hour_that_comes_twice_is_two_hours(source: Source) -> None:
    log(source, asked("2025-11-02T05:30:00Z"), asked("2025-11-02T06:30:00Z"))
    told = ask("hourly-traffic", tz="America/New_York")
    assert [h["timestamp"] for h in told["hours"]] == [
        "2025-11-02T01:00:00-05:00",
        "2025-11-02T01:00:00-04:00",
    ]
    (hour,) = ask("peak-usage", tz="America/New_York")["hours"]
    assert (hour["hour"], hour["requests"], hour["uniqueConsumers"]) == (1, 2, 1)


def test_the_first_of_equal_hours_of_the_day_is_the_peak(source: Source) -> None:
    log(
        source,
        asked("2026-02-14T09:00:00Z"),
        asked("2026-02-14T07:00:00Z", credits=3),
        asked("2026-02-15T07:59:00Z", key=BOB, denied="x"),
        asked("2026-02-15T09:00:00Z"),
    )
    told = ask("peak-usage")
    assert told["hours"][0] == {
        "hour": 7,
        "requests": 2,
        "allowed": 1,
        "denied": 1,
        "credits": 3,
        "uniqueConsumers": 2,
        "percentage": 50,
    }
    assert told["hours"][1]["uniqueConsumers"] == 1
    assert told["summary"] == {"totalRequests": 4, "peakHour": 7, "peakRequests": 2}


def test_days_and_new_keys_are_those_of_the_zone(source: Source) -> None:
    keys(
        source,
        made(ALICE, createdAt="2026-02-14T20:00:00Z"),
        made(BOB, createdAt="2026-02-15T20:00:00Z", active=False),
    )
    log(source, asked("2026-02-15T19:00:00Z"), *[asked(f"0{n}:00:00") for n in range(4)])
    told = ask("daily-summary")
    assert [(d["date"], d["requests"], d["newKeys"]) for d in told["days"]] == [
        ("2026-02-16", 4, 0),
        ("2026-02-15", 1, 1),
    ]
    assert told["summary"] == {
        "totalDays": 2,
        "totalRequests": 5,
        "totalCreditsSpent": 5,
        "averageRequestsPerDay": 3,  # 2.5
    }
    india = ask("daily-summary", tz="Asia/Kolkata")
    assert [(d["date"], d["requests"], d["newKeys"]) for d in india["days"]] == [
        ("2026-02-16", 5, 1)
    ]


def test_pairs_that_read_the_same_are_one(source: Source) -> None:
    log(
        source,
        asked("10:00:00", "c"),
        asked("10:00:01", "a|b"),
        asked("10:00:02", "b|c", BOB),
        asked("10:00:03", "a", BOB),
        asked("10:00:04", "lonely", CAROL),
    )
    told = ask("tool-correlation")
    assert told["pairs"] == [{"toolA": "a", "toolB": "b", "sharedConsumers": 2, "strength": 67}]
    assert told["summary"] == {"totalPairs": 1, "totalConsumers": 3}


def test_equal_pairs_come_in_the_order_of_their_first_consumer(source: Source) -> None:
    log(
        source,
        asked("10:00:00", "x", BOB),
        asked("10:00:01", "m"),
        asked("10:00:02", "B"),
        asked("10:00:03", "a"),
        asked("10:00:04", "y", BOB),
        asked("10:00:05", "z", CAROL, denied="x"),
    )
    told = ask("tool-correlation")
    assert [(p["toolA"], p["toolB"], p["strength"]) for p in told["pairs"]] == [
        ("x", "y", 50),
        ("B", "a", 50),
        ("B", "m", 50),
        ("a", "m", 50),
    ]
    assert told["summary"] == {"totalPairs": 4, "totalConsumers": 2}


def test_percentiles_are_durations_that_occurred(source: Source) -> None:
    durations = [50, 51, 50.5, 1001, 0]
    log(
        source,
        *[asked(f"10:00:0{n}", durationMs=ms) for n, ms in enumerate(durations)],
        asked("10:00:09", durationMs=9999, denied="x"),
    )
    told = ask("response-time-distribution")
    assert told["buckets"] == [
        {"range": "0-50ms", "count": 2, "percentage": 40},
        {"range": "51-100ms", "count": 1, "percentage": 20},
        {"range": "1001ms+", "count": 1, "percentage": 20},
    ]
    assert told["summary"] == {
        "totalRequests": 5,
        "avgResponseTime": 231,  # 230.5
        "p50": Decimal("50.5"),
        "p95": 1001,
        "p99": 1001,
    }


def test_the_ninety_fifth_of_twenty_is_the_nineteenth(source: Source) -> None:
    log(source, *[asked(f"10:00:{n:02}", durationMs=n) for n in range(1, 21)])
    assert ask("latency")["summary"] == {
        "totalCalls": 20,
        "avgDurationMs": 11,  # 10.5
        "minDurationMs": 1,
        "maxDurationMs": 20,
        "p95DurationMs": 19,
    }


def twin(key: str) -> str:
    """Another key with the same mask."""
    return key[:7] + "f" * 24 + key[-4:]


def test_latency_names_masks_and_joins_equal_names(source: Source) -> None:
    keys(
        source,
        made(ALICE, "first"),
        made(BOB, "shop"),
        made(CAROL, "shop"),
        made(twin(ALICE), "second"),
    )
    log(
        source,
        asked("10:00:00", durationMs=10),
        asked("10:00:01", key=BOB, durationMs=30),
        asked("10:00:02", key=CAROL, durationMs=41),
        asked("10:00:03", key="pg_dddddddddddd", durationMs=10),
    )
    assert ask("latency")["byKey"] == [
        {
            "keyName": "shop",
            "totalCalls": 2,
            "avgDurationMs": 36,  # 35.5
            "minDurationMs": 30,
            "maxDurationMs": 41,
        },
        {
            "keyName": "second",
            "totalCalls": 1,
            "avgDurationMs": 10,
            "minDurationMs": 10,
            "maxDurationMs": 10,
        },
        {
            "keyName": "pg_dddd...dddd",
            "totalCalls": 1,
            "avgDurationMs": 10,
            "minDurationMs": 10,
            "maxDurationMs": 10,
        },
    ]


def test_ten_tools_are_the_slowest(source: Source) -> None:
    log(source, *[asked(f"10:00:{n:02}", f"t{n}", durationMs=7) for n in range(12)])
    told = ask("latency")
    assert [t["tool"] for t in told["byTool"]] == [f"t{n}" for n in range(12)]
    assert [t["tool"] for t in told["slowestTools"]] == [f"t{n}" for n in range(10)]
    assert told["slowestTools"][0] == {"tool": "t0", "avgDurationMs": 7, "totalCalls": 1}


def test_a_denied_request_is_activity(source: Source) -> None:
    keys(
        source,
        made(ALICE, "a", totalCalls=1, totalSpent=2),
        made(BOB, "b"),
        made(twin(BOB), "twin", totalSpent=2),
        made(CAROL, "gone", active=False),
    )
    log(
        source,
        asked("10:00:00", key=BOB),
        asked("10:00:05", key=BOB, denied="x"),
        asked("10:00:09", key=CAROL),
    )
    told = ask("consumer-activity")
    assert [(c["name"], c["lastActive"], c["status"]) for c in told["consumers"]] == [
        ("a", None, "active"),
        ("twin", "2026-02-16T10:00:05.000Z", "inactive"),
        ("b", "2026-02-16T10:00:05.000Z", "inactive"),
    ]
    assert told["summary"] == {
        "totalConsumers": 3,
        "activeConsumers": 1,
        "inactiveConsumers": 2,
    }
    earlier = ask("consumer-activity", to="2026-02-16T10:00:05Z")
    assert earlier["consumers"][1]["lastActive"] == "2026-02-16T10:00:00.000Z"


def test_twenty_consumers_have_the_highest_value(source: Source) -> None:
    records = [
        made(f"pg_{n:032x}", f"k{n}", totalSpent=spent, totalCalls=2)
        for n, spent in enumerate([99, 100, 10, 9, *[5] * 18])
    ]
    keys(source, *records, made(ALICE, "idle"), made(BOB, "off", totalSpent=500, suspended=True))
    log(
        source,
        asked("10:00:00", "a", records[1]["key"]),
        asked("10:00:01", "b", records[1]["key"]),
        asked("10:00:02", "b", records[1]["key"]),
        asked("10:00:03", "c", records[1]["key"], denied="x"),
    )
    told = ask("consumer-lifetime-value")
    assert [c["name"] for c in told["consumers"]] == [
        "k1", "k0", "k2", "k3", *[f"k{n}" for n in range(4, 20)]
    ]  # fmt: skip
    assert [c["tier"] for c in told["consumers"][:4]] == ["high", "medium", "medium", "low"]
    assert [c["toolsUsed"] for c in told["consumers"][:2]] == [2, 0]
    assert told["consumers"][4]["avgSpendPerCall"] == 3  # 2.5
    assert told["summary"] == {
        "totalConsumers": 23,
        "totalLifetimeValue": 308,  # 99 + 100 + 10 + 9 + 18 x 5
        "avgLifetimeValue": 13,  # 13.39
    }


def test_spending_without_calls_has_no_average(source: Source) -> None:
    keys(source, made(ALICE, totalSpent=7))
    assert ask("consumer-lifetime-value")["consumers"][0]["avgSpendPerCall"] == 0


def test_insights_credit_tools_to_the_first_key_of_a_mask(source: Source) -> None:
    keys(
        source,
        made(ALICE, "old", active=False, totalSpent=5, totalCalls=3),
        made(twin(ALICE), "new", totalSpent=5, totalCalls=4),
        made(BOB, "never"),
    )
    log(source, asked("10:00:00", "a"), asked("10:00:01", "b"), asked("10:00:02", ""))
    told = ask("consumer-insights")
    assert told["summary"] == {
        "totalConsumers": 3,
        "activeConsumers": 2,
        "totalCreditsSpent": 10,
        "totalCalls": 7,
    }
    assert told["topSpenders"] == [
        {"name": "old", "totalSpent": 5, "totalCalls": 3, "uniqueTools": 2},
        {"name": "new", "totalSpent": 5, "totalCalls": 4, "uniqueTools": 0},
    ]
    assert told["mostActive"] == [
        {"name": "new", "totalCalls": 4, "totalSpent": 5, "uniqueTools": 0},
        {"name": "old", "totalCalls": 3, "totalSpent": 5, "uniqueTools": 2},
    ]


def test_insights_rank_ten(source: Source) -> None:
    keys(
        source,
        *[made(f"pg_{n:032x}", f"k{n}", totalSpent=n, totalCalls=20 - n) for n in range(1, 13)],
    )
    told = ask("consumer-insights")
    assert [s["name"] for s in told["topSpenders"]] == [f"k{n}" for n in range(12, 2, -1)]
    assert [s["name"] for s in told["mostActive"]] == [f"k{n}" for n in range(1, 11)]


def test_the_overview_counts_a_revoked_and_suspended_key_as_revoked(source: Source) -> None:
    keys(
        source,
        made(ALICE, credits=75, totalSpent=25, totalCalls=4),
        made(BOB, active=False, suspended=True, totalCalls=9),
        made(CAROL, suspended=True, totalSpent=50, totalCalls=9),
    )
    log(source, asked("10:00:00", "a", BOB), asked("10:00:01", "b", denied="x"))
    assert ask("system-overview") == {
        "keys": {"total": 3, "active": 1, "revoked": 1, "suspended": 1},
        "credits": {
            "totalAllocated": 100,
            "totalSpent": 25,
            "totalRemaining": 75,
            "utilizationPercent": 25,
        },
        "activity": {"totalCalls": 4, "uniqueTools": 1},
        "generatedAt": "2026-02-16T12:00:00.000Z",
    }


def test_a_key_in_trouble_twice_counts_twice(source: Source) -> None:
    keys(
        source,
        made(ALICE, credits=10, expiresAt="2026-02-16T12:00:00Z"),
        made(BOB, active=False, suspended=True),
        *[made(f"pg_{n:032x}") for n in range(6)],
    )
    told = ask("system-health")["components"]["keyHealth"]
    assert told == {
        "score": 63,  # 62.5
        "weight": Decimal("0.4"),
        "detail": "1 suspended, 1 expired, 1 low credits",
    }


@pytest.mark.parametrize(
    ("spent", "score", "detail"),
    [
        (80, 100, "80% utilized (80/100 credits)"),
        (85, 65, "85% utilized (85/100 credits)"),
        (90, 50, "90% utilized (90/100 credits)"),
        (95, 25, "95% utilized (95/100 credits)"),
        (100, 0, "100% utilized (100/100 credits)"),
    ],
)
def test_spent_credits_lower_the_score(source: Source, spent: int, score: int, detail: str) -> None:
    keys(source, made(ALICE, credits=100 - spent, totalSpent=spent))
    told = ask("system-health")["components"]["creditUtilization"]
    assert (told["score"], told["detail"]) == (score, detail)


@pytest.mark.parametrize(
    ("denied", "score", "total", "level"),
    [
        (0, 100, 100, "healthy"),
        (1, 80, 93, "healthy"),
        (3, 40, 79, "good"),
        (6, 0, 65, "good"),
    ],
)
def test_denials_lower_the_score_doubly(
    source: Source, denied: int, score: int, total: int, level: str
) -> None:
    keys(source, made(ALICE))
    log(source, *[asked(f"10:00:0{n}", denied="x" if n < denied else None) for n in range(10)])
    told = ask("system-health")
    assert told["components"]["keyHealth"]["detail"] == "1 active keys"
    assert told["components"]["errorRate"] == {
        "score": score,
        "weight": Decimal("0.35"),
        "detail": f"{denied * 10}% denial rate ({denied}/10)",
    }
    assert (told["score"], told["level"]) == (total, level)


def test_everything_wrong_is_critical(source: Source) -> None:
    keys(source, made(ALICE, credits=0, totalSpent=10))
    log(source, asked("10:00:00", denied="x"))
    told = ask("system-health")
    assert (told["score"], told["level"]) == (0, "critical")


def test_the_same_mask_at_two_gateways_is_two_consumers(source: Source) -> None:
    other = gateway("other")
    log(source, asked("10:00:00", "a"), asked("10:00:02", "b"))
    log(other, asked("10:00:00", "b"), asked("10:00:01", "a"))
    keys(source, made(ALICE, "here"))
    keys(other, made(ALICE, "there"))
    assert ask("tool-popularity")["tools"][0]["uniqueConsumers"] == 2
    assert ask("tool-popularity", source="other")["tools"][0] == {
        "tool": "b",
        "totalCalls": 1,
        "totalCredits": 1,
        "uniqueConsumers": 1,
        "percentage": 50,
    }
    assert ask("hourly-traffic")["hours"][0]["uniqueConsumers"] == 2
    assert [k["keyName"] for k in ask("latency")["byKey"]] == ["here", "there"]
    assert ask("tool-correlation")["pairs"][0]["sharedConsumers"] == 2
