"""Reports over metered calls: rules the recorded gateway did not run into, on a few calls each."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from analytics.registry import Family, find_report
from billing.api.renderers import exact_json
from billing.gateway import exports
from billing.models import GatewayConfig, Source
from tests.gateway.conftest import gateway

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
Call = dict[str, Any]


def call(at: str, name: str, tool: str, credits: int = 1, **more: Any) -> Call:
    """An allowed call at a time of 1 March 2026, by the key the name stands for."""
    return {
        "timestamp": f"2026-03-01T{at}Z",
        "apiKey": more.pop("key", f"pg_{name[:7]:0<7}"),
        "keyName": name,
        "tool": tool,
        "creditsCharged": credits,
        "allowed": True,
        **more,
    }


def denied(at: str, name: str, tool: str, reason: str | None) -> Call:
    """A call that was not let through."""
    said = {} if reason is None else {"denyReason": reason}
    return call(at, name, tool, 0, allowed=False, **said)


def metered(source: Source, *calls: Call) -> None:
    """The gateway's usage meter holds these calls, in this order."""
    found = exports.import_usage(source, json.dumps({"events": calls}).encode())
    assert found.details == []


def holding(source: Source, *keys: dict[str, Any]) -> None:
    """The gateway lists these keys, oldest first."""
    records = [
        {
            "keyPrefix": f"pg_{key['name'][:6]:0<6}{number}",
            "createdAt": f"2026-02-0{number + 1}T00:00:00.000Z",
            "credits": 0,
            "totalSpent": 0,
            "totalCalls": 0,
            "active": True,
            **key,
        }
        for number, key in enumerate(keys)
    ]
    found = exports.import_keys(source, json.dumps(records).encode(), NOW)
    assert found.details == []


def configured(source: Source, **settings: Any) -> None:
    """What the gateway says of itself."""
    exports.import_config(source, json.dumps(settings).encode())


def asked(slug: str, *, source: str = "small", **query: str) -> Any:
    """The report's answer at noon."""
    chosen = {"source": source, "as_of": NOW.isoformat(), **query}
    return json.loads(exact_json(find_report(slug, Family.GATEWAY).answer(chosen).data))


@pytest.fixture
def small() -> Source:
    """A gateway with nothing in it."""
    return gateway("small")


def test_a_refund_is_a_call_with_negative_credits(small: Source) -> None:
    metered(
        small,
        call("10:00:00.000", "ann", "search", 5),
        call("10:00:00.200", "ann", "search", -5, denyReason="refund"),
        call("10:00:01.000", "ann", "search", 4),
    )
    revenue = asked("revenue")
    assert revenue["summary"] == {
        "totalRevenue": 4,
        "totalCalls": 3,
        "averageRevenuePerCall": 1.33,
    }
    assert revenue["byKey"] == [{"name": "ann", "revenue": 4, "calls": 3}]
    assert asked("costs")["summary"]["totalDenied"] == 0
    assert asked("denials")["summary"] == {"totalCalls": 3, "totalDenials": 0, "denialRate": 0}


def test_equal_names_are_one_and_a_nameless_call_goes_by_its_key(small: Source) -> None:
    metered(
        small,
        call("10:00:00.000", "bot", "search", 2, key="pg_aaaaaaa"),
        call("10:00:01.000", "bot", "search", 3, key="pg_bbbbbbb"),
        call("10:00:02.000", "", "search", 1, key="pg_ccccccc"),
    )
    assert asked("traffic")["topConsumers"] == [
        {"name": "bot", "calls": 2, "successRate": 1, "credits": 5},
        {"name": "pg_ccccccc", "calls": 1, "successRate": 1, "credits": 1},
    ]
    assert asked("traffic")["summary"]["uniqueKeys"] == 2
    assert asked("dependencies")["toolUsage"] == [
        {"tool": "search", "totalCalls": 3, "uniqueKeys": 2}
    ]


def test_ties_stand_in_the_order_of_first_calls(small: Source) -> None:
    metered(
        small,
        denied("10:00:00.000", "late", "zeta", "insufficient_credits"),
        call("10:00:01.000", "early", "zeta"),
        call("10:00:02.000", "late", "alpha"),
        call("10:00:03.000", "late", "7"),
        call("10:00:04.000", "early", "__proto__"),
    )
    costs = asked("costs")
    assert [t["tool"] for t in costs["perTool"]] == ["zeta", "alpha", "7", "__proto__"]
    assert [s["name"] for s in costs["topSpenders"]] == ["late", "early"]
    # of revenue the denied call is no part, so early was there first
    assert [k["name"] for k in asked("revenue")["byKey"]] == ["early", "late"]
    assert asked("dependencies")["keyToolMap"] == [
        {"keyName": "early", "tools": ["__proto__", "zeta"], "toolCount": 2},
        {"keyName": "late", "tools": ["7", "alpha"], "toolCount": 2},
    ]


def test_a_list_of_names_ends_after_ten(small: Source) -> None:
    metered(small, *(call(f"10:00:{n:02}.000", f"user{n:02}", "search", n) for n in range(12)))
    most = [f"user{n:02}" for n in range(11, 1, -1)]
    assert [s["name"] for s in asked("costs")["topSpenders"]] == most
    assert [k["name"] for k in asked("revenue")["byKey"]] == most
    assert len(asked("traffic")["topConsumers"]) == 10
    assert len(asked("denials")["perKey"]) == 12


def test_averages_round_halves_up(small: Source) -> None:
    metered(
        small,
        *(call(f"10:00:{n:02}.000", "ann", "search", 1 if n == 0 else 0) for n in range(8)),
    )
    assert asked("costs")["summary"]["avgCostPerCall"] == 0.13  # 0.125
    assert asked("forecast")["systemForecast"]["byTool"][0]["avgCreditsPerCall"] == 0.13


def test_costs_compare_since_as_text(small: Source) -> None:
    metered(
        small,
        call("10:00:00.000", "ann", "search"),
        call("10:00:00.500", "ann", "search"),
        call("10:00:01.000", "ann", "search"),
    )

    def calls(since: str) -> int:
        total: int = asked("costs", since=since)["summary"]["totalCalls"]
        return total

    assert calls("2026-03-01T10:00:00.000Z") == 3
    assert calls("2026-03-01T10:00:00Z") == 1  # "." sorts before "Z"
    assert calls("2026-03-01T10:00:00.500Z") == 2
    assert calls("2026") == 3
    assert calls("tomorrow") == 0


def test_costs_of_a_namespace_are_of_calls_that_name_it(small: Source) -> None:
    metered(
        small,
        call("10:00:00.000", "ann", "search"),
        call("10:00:01.000", "bob", "search", 2, namespace="default"),
        call("11:00:00.000", "cid", "search", 4, namespace="acme"),
    )
    assert asked("costs")["perNamespace"] == [
        {"namespace": "acme", "calls": 1, "credits": 4, "denied": 0},
        {"namespace": "default", "calls": 2, "credits": 3, "denied": 0},
    ]
    default = asked("costs", namespace="default")
    assert default["summary"]["totalCredits"] == 2
    assert default["hourlyTrends"] == [
        {"hour": "2026-03-01T10", "calls": 1, "credits": 2, "denied": 0}
    ]


def test_only_the_last_24_hours_with_calls_are_told_and_hold_the_peak(small: Source) -> None:
    busy = [call("00:30:00.000", "ann", "search"), call("00:31:00.000", "ann", "search")]
    old = [{**c, "timestamp": c["timestamp"].replace("03-01", "02-01")} for c in busy]
    hours = [call(f"{n:02}:00:00.000", "ann", "search") for n in range(12)]
    earlier = [{**c, "timestamp": c["timestamp"].replace("03-01", "02-27")} for c in hours]
    metered(small, *old, *earlier, *hours)
    traffic = asked("traffic")
    assert len(traffic["hourlyVolume"]) == 24
    assert traffic["summary"]["peakHour"] == "2026-02-27T00"
    assert traffic["summary"]["peakHourCalls"] == 1
    assert len(asked("revenue")["hourlyRevenue"]) == 25


def test_hours_are_those_of_the_zone(small: Source) -> None:
    metered(small, call("10:20:00.000", "ann", "search"), call("10:40:00.000", "ann", "search"))
    hours = [h["hour"] for h in asked("costs", tz="Asia/Kolkata")["hourlyTrends"]]
    assert hours == ["2026-03-01T15", "2026-03-01T16"]


def test_a_range_leaves_out_what_is_outside(small: Source) -> None:
    metered(
        small,
        call("09:00:00.000", "ann", "search", 1),
        call("10:00:00.000", "ann", "search", 2),
        call("11:00:00.000", "ann", "search", 4),
    )
    span = {"from": "2026-03-01T10:00:00Z", "to": "2026-03-01T11:00:00Z"}
    assert asked("costs", **span)["summary"]["totalCredits"] == 2
    assert asked("costs", since="2026-03-01T10:30", **span)["summary"]["totalCredits"] == 0
    assert asked("revenue", window="1h")["summary"]["totalRevenue"] == 0


DENIALS = {
    "rate_limited: 30 calls/min exceeded": "rate_limited",
    "tool_rate_limited: search limited to 5 calls/min": "tool_rate_limited",
    "shadow:insufficient_credits": "insufficient_credits",
    "token_tool_not_allowed: search": "token_tool_not_allowed",
    "tool_not_allowed: search not in allowedTools": "tool_not_allowed",
    "spending_limit_exceeded": "spending_limit_exceeded",
    "monthly_credit_quota_exceeded: 9/9": "quota_exceeded",
    "team_budget: spent": "team_budget_exceeded",
    "tool_denied: search is in deniedTools": "other",
    "country_denied: XX": "other",
}


def test_denials_are_sorted_by_what_their_reason_contains(small: Source) -> None:
    metered(
        small,
        *(denied(f"10:00:{n:02}.000", "ann", "search", text) for n, text in enumerate(DENIALS)),
    )
    expected = dict.fromkeys(DENIALS.values(), 1) | {"other": 2}
    answer = asked("denials")
    assert list(answer["byReason"].items()) == list(expected.items())
    assert answer["perTool"] == [
        {"tool": "search", "calls": 10, "denials": 10, "denialRate": 1, "topReason": "other"}
    ]


def test_a_denial_without_a_reason_is_none_for_denials_but_one_for_sla(small: Source) -> None:
    metered(
        small,
        denied("10:00:00.000", "ann", "search", None),
        denied("10:00:01.000", "ann", "search", "key_suspended"),
        denied("10:00:02.000", "ann", "search", "ip_not_allowed: 10.0.0.1"),
        call("10:00:03.000", "bob", "search"),
    )
    answer = asked("denials")
    assert answer["summary"] == {"totalCalls": 4, "totalDenials": 2, "denialRate": 0.5}
    assert answer["mostDenied"] == [
        {
            "name": "ann",
            "denials": 2,
            "calls": 3,
            "denialRate": 0.6667,
            "topReason": "key_suspended",
        }
    ]
    assert answer["perKey"][1]["topReason"] is None
    assert answer["hourlyTrends"] == [{"hour": "2026-03-01T10", "calls": 4, "denials": 2}]
    sla = asked("sla")["summary"]
    assert sla["deniedCalls"] == 3
    assert sla["successRate"] == 25
    assert sla["denialReasons"] == {"unknown": 1, "key_suspended": 1, "ip_not_allowed": 1}


def test_sla_reasons_have_their_own_names_and_order(small: Source) -> None:
    reasons = [
        "zzz: whatever",
        "tool_rate_limited: search",
        "acl: no",
        "tool not allowed here",
        "team_quota reached",
        "spending_limit_exceeded",
        "account suspended",
        "api_key_expired",
        "12: numbered",
        "7: numbered",
        "__proto__: hostile",
        ": nothing before the colon",
    ]
    metered(
        small,
        *(denied(f"10:00:{n:02}.000", "ann", "search", text) for n, text in enumerate(reasons)),
    )
    assert list(asked("sla")["summary"]["denialReasons"].items()) == [
        ("7", 1),
        ("12", 1),
        ("zzz", 1),
        ("rate_limited", 1),
        ("acl_denied", 2),
        ("quota_exceeded", 1),
        ("spending_limit", 1),
        ("key_suspended", 1),
        ("key_expired", 1),
        ("unknown", 1),
    ]


def test_uptime_counts_from_the_start_said_else_from_the_first_fact(small: Source) -> None:
    assert asked("sla")["uptime"] == {"startedAt": "2026-03-01T12:00:00.000Z", "uptimeSeconds": 0}
    metered(small, call("11:59:00.500", "ann", "search"))
    assert asked("sla")["uptime"] == {"startedAt": "2026-03-01T11:59:00.500Z", "uptimeSeconds": 59}
    configured(small, startedAt="2026-03-01T11:00:00.000Z")
    assert asked("sla")["uptime"] == {
        "startedAt": "2026-03-01T11:00:00.000Z",
        "uptimeSeconds": 3600,
    }


def test_dependencies_know_priced_and_used_tools(small: Source) -> None:
    configured(small, toolPricing={"idle": {"creditsPerCall": 1}, "search": {"creditsPerCall": 2}})
    metered(
        small,
        call("10:00:00.000", "ann", "search"),
        call("10:00:01.000", "ann", "unpriced"),
        call("10:00:02.000", "ann", ""),
        denied("10:00:03.000", "ann", "locked", "tool_not_allowed"),
    )
    answer = asked("dependencies")
    assert answer["summary"] == {"totalTools": 3, "usedTools": 2, "unusedTools": 1}
    assert [t["tool"] for t in answer["toolUsage"]] == ["search", "unpriced"]


def test_the_rate_window_is_that_of_the_last_key_of_a_name(small: Source) -> None:
    configured(small, globalRateLimitPerMin=3)
    holding(small, {"name": "bot", "keyPrefix": "pg_first00"}, {"name": "bot"}, {"name": "solo"})
    metered(
        small,
        call("11:59:00.000", "solo", "search", key="pg_solo002"),  # a minute ago: outside
        call("11:59:10.000", "bot", "search", key="pg_first00"),
        call("11:59:20.000", "solo", "search", key="pg_solo002"),
        call("11:59:20.000", "solo", "search", key="pg_solo002"),  # a batch of two
        call("11:59:30.000", "solo", "search", key="pg_solo002"),
        call("11:59:31.000", "solo", "search", -1, key="pg_solo002", denyReason="refund"),
        denied("11:59:40.000", "unknown", "search", "invalid_api_key"),
    )
    answer = asked("rate-limits")
    assert answer["config"] == {"globalLimitPerMin": 3, "windowMs": 60000}
    window = {
        k["name"]: (k["currentWindowUsed"], k["currentWindowRemaining"]) for k in answer["perKey"]
    }
    assert window == {"solo": (2, 1), "bot": (0, 3), "unknown": (0, 3)}


def test_without_limit_the_remainder_is_null(small: Source) -> None:
    configured(small, globalRateLimitPerMin=0)
    holding(small, {"name": "solo"})
    metered(small, call("11:59:50.000", "solo", "search", key="pg_solo000"))
    (key,) = asked("rate-limits")["perKey"]
    assert (key["currentWindowUsed"], key["currentWindowRemaining"]) == (0, None)


def test_the_most_throttled_stand_by_denials_not_by_calls(small: Source) -> None:
    metered(
        small,
        call("10:00:00.000", "ann", "search"),
        call("10:00:01.000", "ann", "search"),
        denied("10:00:02.000", "ann", "search", "rate_limited: 2 calls/min exceeded"),
        denied("10:00:03.000", "bob", "draw", "rate_limited: 2 calls/min exceeded"),
        denied("10:00:04.000", "bob", "draw", "tool_rate_limited: draw"),
    )
    answer = asked("rate-limits")
    assert [k["name"] for k in answer["perKey"]] == ["ann", "bob"]
    assert answer["mostThrottled"] == [
        {"name": "bob", "rateLimited": 2, "calls": 2, "throttleRate": 1},
        {"name": "ann", "rateLimited": 1, "calls": 3, "throttleRate": 0.3333},
    ]
    assert [t["tool"] for t in answer["perTool"]] == ["draw", "search"]
    assert answer["summary"]["rateLimitRate"] == 0.6


def test_a_key_has_its_own_quota_else_the_gateways(small: Source) -> None:
    configured(small, globalQuota={"dailyCallLimit": 8, "monthlyCallLimit": 0})
    holding(
        small,
        {"name": "common", "quotaDailyCalls": 1},
        {"name": "own", "quota": {"monthlyCallLimit": 3}, "quotaMonthlyCalls": 2},
        {"name": "gone", "active": False, "quotaDailyCalls": 4, "quotaDailyCredits": 9},
    )
    answer = asked("quotas")
    assert answer["config"] == {"globalQuota": {"dailyCallLimit": 8, "monthlyCallLimit": 0}}
    assert answer["summary"]["totalKeys"] == 3
    assert answer["summary"]["keysWithQuotas"] == 3
    told = [
        (k["name"], k["dailyCallUtilization"], k["monthlyCallUtilization"], k["source"])
        for k in answer["perKey"]
    ]
    assert told == [
        ("gone", 0.5, 0, "global"),
        ("common", 0.125, 0, "global"),
        ("own", 0, 0.6667, "per-key"),
    ]
    assert [k["name"] for k in answer["mostConstrained"]] == ["gone", "common", "own"]


def test_without_any_quota_no_key_is_constrained(small: Source) -> None:
    holding(small, {"name": "free", "quotaDailyCalls": 5})
    answer = asked("quotas")
    assert answer["config"] == {"globalQuota": None}
    assert answer["perKey"][0]["source"] == "none"
    assert answer["mostConstrained"] == []


def test_credits_are_of_active_keys_suspended_and_expired_ones_too(small: Source) -> None:
    holding(
        small,
        {"name": "plain", "credits": 90, "totalSpent": 10, "totalCalls": 4},
        {"name": "halted", "credits": 5, "totalSpent": 45, "totalCalls": 9, "suspended": True},
        {"name": "gone", "credits": 7, "totalSpent": 3, "active": False},
        {"name": "both", "credits": 1, "totalSpent": 1, "active": False, "suspended": True},
        {"name": "over", "credits": 0, "totalSpent": 50, "expiresAt": "2026-02-20T00:00:00Z"},
    )
    flow = asked("credit-flow")
    assert flow["summary"] == {
        "totalAllocated": 200,
        "totalSpent": 105,
        "totalRemaining": 95,
        "utilizationPct": 53,  # 52.5
    }
    assert [s["keyName"] for s in flow["topSpenders"]] == ["over", "halted", "plain"]
    assert asked("revenue")["creditFlow"]["totalAllocated"] == 200
    assert asked("capacity")["recommendations"] == [
        "1 key(s) have zero remaining credits and need top-up",
        "1 key(s) have less than 10% credits remaining",  # exactly a tenth
    ]


def test_credit_flow_tells_of_no_tools_without_an_active_key(small: Source) -> None:
    metered(small, call("10:00:00.000", "unknown", "search", 3))
    assert asked("credit-flow")["byTool"] == []
    holding(small, {"name": "ann"})
    assert asked("credit-flow")["byTool"] == [{"tool": "search", "creditsSpent": 3, "callCount": 1}]


@pytest.mark.parametrize(
    ("spent", "text"),
    [
        (74, None),
        (75, "System utilization is at 75% — consider adding more credits soon"),
        (
            90,
            "System utilization is at 90% — top up credits immediately to avoid service disruption",
        ),
    ],
)
def test_capacity_warns_at_75_and_90_percent(small: Source, spent: int, text: str | None) -> None:
    holding(small, {"name": "ann", "credits": 100 - spent, "totalSpent": spent})
    found = asked("capacity")["recommendations"]
    assert [line for line in found if line.startswith("System")] == ([text] if text else [])


def test_capacity_lists_namespaces_as_an_object_does(small: Source) -> None:
    holding(
        small,
        {"name": "a", "namespace": "zeta", "credits": 1},
        {"name": "b", "namespace": "10", "credits": 2},
        {"name": "c", "namespace": "9", "credits": 3, "totalSpent": 1},
        {"name": "d", "namespace": "zeta", "credits": 4},
    )
    found = asked("capacity")["byNamespace"]
    assert list(found) == ["9", "10", "zeta"]
    assert found["9"] == {
        "allocated": 4,
        "spent": 1,
        "remaining": 3,
        "keys": 1,
        "utilizationPct": 25,
    }
    assert found["zeta"]["keys"] == 2


def test_a_forecast_divides_by_the_unrounded_average(small: Source) -> None:
    holding(
        small,
        {"name": "third", "credits": 10, "totalSpent": 5, "totalCalls": 3},  # 1.666...: 6 calls
        {"name": "five", "credits": 5, "totalSpent": 2, "totalCalls": 2},
        {"name": "free", "credits": 0, "totalSpent": 0, "totalCalls": 9},
        {"name": "gone", "credits": 0, "totalSpent": 2, "totalCalls": 2, "active": False},
    )
    answer = asked("forecast")
    assert answer["summary"] == {"totalActiveKeys": 3, "keysAtRisk": 1}
    told = [
        (k["keyName"], k["avgCreditsPerCall"], k["estimatedCallsRemaining"], k["atRisk"])
        for k in answer["keyForecasts"]
    ]
    assert told == [("third", 1.67, 6, False), ("five", 1, 5, True), ("free", 0, None, False)]
    assert answer["systemForecast"]["totalCalls"] == 14


def test_gateways_of_different_settings_have_no_common_limit(small: Source) -> None:
    other = gateway("other")
    configured(small, globalRateLimitPerMin=5, globalQuota={"dailyCallLimit": 1})
    configured(other, globalRateLimitPerMin=6, globalQuota={"dailyCallLimit": 2})
    everywhere = {"source": ""}
    assert asked("rate-limits", **everywhere)["config"]["globalLimitPerMin"] is None
    assert asked("quotas", **everywhere)["config"] == {"globalQuota": None}
    GatewayConfig.objects.filter(source=other).update(rate_limit_per_min=5)
    assert asked("rate-limits", **everywhere)["config"]["globalLimitPerMin"] == 5


@pytest.mark.parametrize(
    "function", ["gateway_denial", "gateway_sla_reason", "gateway_sums", "gateway_hours"]
)
def test_the_functions_of_these_reports_may_run_in_parallel(function: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select proparallel from pg_proc where proname = %s", [function])
        assert cursor.fetchall() == [("s",)]
