"""The analyses of key records on a few keys, by hand: what the recorded gateway does not show."""

import json
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.exceptions import ValidationError

from analytics.registry import Family, find_report
from analytics.units import iso_ms
from billing.api.renderers import exact_json
from billing.gateway import exports
from tests.gateway.conftest import NOW, gateway

pytestmark = pytest.mark.django_db

Data = dict[str, Any]
HOUR, DAY, MS = timedelta(hours=1), timedelta(days=1), timedelta(milliseconds=1)


def key(name: str, credits: int = 0, spent: int = 0, calls: int = 0, **more: Any) -> Data:
    """A record as a backup has it; `age` and `left` are durations from now."""
    age, left = more.pop("age", DAY * 40), more.pop("left", None)
    return {
        "name": name,
        "credits": credits,
        "totalSpent": spent,
        "totalCalls": calls,
        "createdAt": iso_ms(NOW - age),
        "expiresAt": None if left is None else iso_ms(NOW + left),
        "active": True,
        **more,
    }


def group(group_id: str, name: str, **more: Any) -> Data:
    """A group as a backup has it."""
    return {"id": group_id, "name": name, "createdAt": "2026-01-05T08:00:00.000Z", **more}


def mask(place: int) -> str:
    """How the key of this place (from 1) is masked."""
    return f"pg_{f'{place:02x}' * 2}...{f'{place:02x}' * 2}"


def keep(*keys: Data, groups: tuple[Data, ...] = (), slug: str = "small") -> None:
    """A gateway that has these keys, in this order."""
    secrets = [{"key": f"pg_{f'{n:02x}' * 24}", **record} for n, record in enumerate(keys, 1)]
    backup = {"timestamp": iso_ms(NOW), "data": {"keys": secrets, "groups": list(groups)}}
    exports.import_backup(gateway(slug), json.dumps(backup).encode())


def ask(slug: str, **query: str) -> Any:
    """The answer, as JSON says it."""
    asked = {"source": "small", "as_of": NOW.isoformat(), **query}
    return json.loads(exact_json(find_report(slug, Family.GATEWAY).answer(asked).data))


def test_segments_begin_where_they_are_told_to() -> None:
    calls = {"a": 20, "b": 19, "c": 5, "d": 4, "e": 1, "f": 0}
    keep(*(key(name, 2, 3, n) for name, n in calls.items()))
    assert ask("consumer-segmentation")["segments"] == [
        {"segment": "power", "count": 1, "totalCredits": 2, "totalSpent": 3, "avgCallsPerKey": 20},
        {
            "segment": "regular",
            "count": 2,
            "totalCredits": 4,
            "totalSpent": 6,
            "avgCallsPerKey": 12,
        },
        {"segment": "casual", "count": 2, "totalCredits": 4, "totalSpent": 6, "avgCallsPerKey": 3},
        {"segment": "dormant", "count": 1, "totalCredits": 2, "totalSpent": 3, "avgCallsPerKey": 0},
    ]
    moved = ask("consumer-segmentation", power="6", regular="4", casual="2")["segments"]
    assert [(s["segment"], s["count"]) for s in moved] == [
        ("power", 2),
        ("regular", 2),
        ("dormant", 2),
    ]


@pytest.mark.parametrize("wrong", [{"regular": "21"}, {"casual": "6"}, {"power": "-1"}])
def test_segments_must_follow_each_other(wrong: dict[str, str]) -> None:
    keep(key("a"))
    with pytest.raises(ValidationError):
        ask("consumer-segmentation", **wrong)


def test_a_revoked_key_that_is_suspended_is_no_churn() -> None:
    keep(
        key("used", 5, 1, 1),
        key("unused", 10),
        key("suspended", suspended=True),
        key("both", active=False, suspended=True),
        key("revoked", active=False),
        key("revoked-used", 90, 1, 1, active=False),
        key("expired", 0, 1, 1, left=-DAY),
        key("expiring", 2, 1, 1, left=DAY),
    )
    assert ask("key-churn")["summary"] == {
        "totalKeys": 8,
        "activeKeys": 4,
        "revokedKeys": 2,
        "suspendedKeys": 2,
        "neverUsedKeys": 2,
        "churnRate": 25,
        "retentionRate": 75,
        "avgCreditsPerKey": 4,  # 17 / 4
    }


def test_cohorts_are_days_of_the_zone() -> None:
    keep(
        key("late", 0, 5, 1, createdAt="2026-02-14T20:00:00.000Z"),
        key("early", 0, 0, 0, createdAt="2026-02-15T02:00:00.000Z"),
    )
    utc = [("2026-02-15", 1, 0, 0, 0), ("2026-02-14", 1, 1, 100, 5)]
    assert [tuple(c.values()) for c in ask("consumer-retention")["cohorts"]] == utc
    kolkata = ask("consumer-retention", tz="Asia/Kolkata")
    assert [tuple(c.values()) for c in kolkata["cohorts"]] == [("2026-02-15", 2, 1, 50, 3)]
    assert kolkata["summary"] == {"totalKeys": 2, "retainedKeys": 1, "overallRetentionRate": 50}


def test_utilization_is_rounded_before_it_is_sorted_into_bands() -> None:
    keep(
        key("0.4 %", 249, 1),
        key("nothing", 0, 0),
        key("0.5 %", 199, 1),
        key("25.5 %", 149, 51),
        key("99.4 %", 3, 497),
        key("99.5 %", 1, 199),
    )
    answer = ask("credit-utilization")
    assert [tuple(band.values()) for band in answer["bands"]] == [
        ("0%", 2, 33),
        ("1-25%", 1, 17),
        ("26-50%", 1, 17),
        ("76-99%", 1, 17),
        ("100%", 1, 17),
    ]
    assert answer["summary"]["overallUtilization"] == 55  # 749 / 1350


def test_a_key_given_nothing_is_in_no_tier() -> None:
    keep(key("none"), key("a", 60, 40), key("b", 150, 50), key("c", 999, active=False))
    answer = ask("credit-allocation")
    assert [tuple(tier.values()) for tier in answer["tiers"]] == [
        ("1-100", 1, 100, 33.33),
        ("101-500", 1, 200, 66.67),
    ]
    assert answer["summary"]["totalKeys"] == 3
    assert answer["summary"]["averageAllocation"] == 100


def test_provisioning_goes_by_rounded_shares_and_shows_ten() -> None:
    keep(
        key("over", 181, 19),  # 90.5 % left
        key("not-over", 180, 20),
        key("few-left", 10, 1),  # 91 % left: on both lists
        key("tenth-left", 104, 896),  # 10.4 %
        key("not-under", 105, 895),  # 10.5 %
        key("unused", 0),
        *(key(f"idle-{n}", 7) for n in range(12)),
    )
    answer = ask("credit-efficiency")
    over = [row["name"] for row in answer["overProvisioned"]]
    assert over == ["over", "few-left", *(f"idle-{n}" for n in range(8))]
    assert answer["underProvisioned"] == [
        {
            "name": "few-left",
            "credits": 10,
            "totalAllocated": 11,
            "totalSpent": 1,
            "remainingPercent": 91,
        },
        {
            "name": "tenth-left",
            "credits": 104,
            "totalAllocated": 1000,
            "totalSpent": 896,
            "remainingPercent": 10,
        },
    ]


def test_shares_of_nothing_are_nothing() -> None:
    keep(key("a"), key("b"))
    summary = ask("credit-efficiency")["summary"]
    assert (summary["burnEfficiency"], summary["wasteRatio"], summary["activeKeys"]) == (0, 0, 2)
    assert ask("credit-burn-rate")["burnRate"]["hoursUntilDepleted"] is None
    assert ask("key-portfolio")["summary"]["averageCreditUtilization"] == 0
    assert [n["percentage"] for n in ask("namespace-revenue")["namespaces"]] == [0]


def test_average_waste_is_that_of_rounded_shares() -> None:
    keep(key("half", 1, 1), key("more", 505, 495), key("none"), key("same", 1, 1))
    answer = ask("credit-waste")
    assert [(k["name"], k["wastePercent"]) for k in answer["keys"]] == [
        ("more", 51),  # 50.5
        ("half", 50),
        ("same", 50),
        ("none", 0),
    ]
    assert answer["summary"] == {
        "totalAllocated": 1004,
        "totalWasted": 507,
        "averageWastePercent": 38,  # 151 / 4
    }


def test_the_pace_divides_by_at_least_a_thousandth_of_an_hour() -> None:
    keep(key("old", 1000, 5, age=2 * HOUR), key("new", 5, 1, age=0 * DAY), key("idle", 10))
    assert ask("credit-burn-rate")["burnRate"] == {
        "creditsPerHour": 1002.5,
        "hoursUntilDepleted": 1.01,  # 1015 / 1002.5
        "utilizationPercent": 1,  # 6 / 1021
    }
    assert ask("consumer-spend-velocity")["consumers"][0] == {
        "name": "new",
        "totalSpent": 1,
        "creditsRemaining": 5,
        "creditsPerHour": 1000,
        "hoursUntilDepleted": 0.01,  # 0.005
    }
    growth = {c["name"]: c["spendRate"] for c in ask("consumer-growth")["consumers"]}
    assert growth == {"old": 2.5, "new": 0, "idle": 0}


def test_a_forecast_spends_no_more_than_there_is() -> None:
    keep(key("a", 50, 5, age=2 * HOUR))
    assert ask("revenue-forecast")["forecast"] == {
        "nextHour": 2.5,
        "nextDay": 50,
        "nextWeek": 50,
        "nextMonth": 50,
    }
    keep(key("a", 50), slug="idle")
    idle = ask("revenue-forecast", source="idle")
    assert set(idle["forecast"].values()) == {0}


def test_nobody_spends_fastest_when_nobody_spends() -> None:
    keep(key("a", 5), key("b"), key("slow", 5, 1, age=DAY * 1000))
    answer = ask("consumer-spend-velocity")
    assert answer["summary"] == {"totalConsumers": 3, "fastestSpender": None}
    assert {c["hoursUntilDepleted"] for c in answer["consumers"]} == {None}


def test_a_consumer_is_new_for_less_than_a_day() -> None:
    keep(key("a", age=DAY), key("b", age=DAY - MS), key("c", 0, 1, age=MS))
    answer = ask("consumer-growth")
    assert answer["summary"] == {"totalConsumers": 3, "newConsumers24h": 2}
    assert answer["consumers"][0] == {
        "name": "c",
        "ageHours": 0,
        "totalSpent": 1,
        "creditsAllocated": 1,
        "spendRate": 3600000,
    }
    assert [c["name"] for c in answer["consumers"]] == ["c", "a", "b"]


def test_risk_goes_by_rounded_shares() -> None:
    spent = {"low": 49, "medium": 50, "high": 99, "higher": 148, "critical": 149, "all": 200}
    keep(*(key(name, 200 - n, n) for name, n in spent.items()))
    answer = ask("consumer-risk-score")
    assert [(c["name"], c["riskScore"], c["riskLevel"]) for c in answer["consumers"]] == [
        ("all", 100, "critical"),
        ("critical", 75, "critical"),  # 74.5
        ("higher", 74, "high"),
        ("high", 50, "high"),  # 49.5
        ("low", 25, "medium"),  # 24.5
        ("medium", 25, "medium"),
    ]
    levels = {"low": 0, "medium": 2, "high": 2, "critical": 2}
    assert answer["summary"]["riskDistribution"] == levels


def test_a_key_without_credits_is_critical_even_if_it_never_had_any() -> None:
    keep(key("fine", 26, 74), key("never"), key("low", 51, 149), key("spent", 0, 9))
    answer = ask("key-health-overview")
    assert [(k["name"], k["utilizationPercent"], k["status"]) for k in answer["keys"]] == [
        ("never", 0, "critical"),
        ("spent", 100, "critical"),
        ("fine", 74, "healthy"),
        ("low", 75, "warning"),  # 74.5
    ]
    counts = {"healthy": 1, "warning": 1, "critical": 2}
    assert answer["summary"]["healthDistribution"] == counts


def test_equal_keys_keep_the_gateways_order_and_have_ranks_of_their_own() -> None:
    keep(
        key("b", 1, 5, 1, age=DAY),
        key("a", 9, 5, 2, age=2 * DAY),
        key("b", 1, 5, 2, age=3 * DAY),
        key("off", 99, 99, 99, suspended=True),
    )
    ranked = ask("key-ranking")["rankings"]
    assert [(r["rank"], r["name"]) for r in ranked] == [(1, "b"), (2, "a"), (3, "b")]
    by_calls = ask("key-ranking", sortBy="totalCalls")["rankings"]
    assert [(r["rank"], r["name"]) for r in by_calls] == [(1, "a"), (2, "b"), (3, "b")]
    assert ask("key-ranking", sortBy=" totalCalls")["summary"]["sortedBy"] == "totalSpent"


def test_namespaces_that_spent_the_same_stand_in_the_order_of_their_first_keys() -> None:
    keep(
        key("off", 0, 9, 9, namespace="zed", suspended=True),
        key("gone", 0, 9, 9, namespace="old", active=False),
        key("a", 1, 1, 1, namespace="beta"),
        key("b", 2, 0, 1, namespace="alpha"),
        key("c", 3, 0, 1, namespace="zed"),
        key("d", 0, 1, 1, namespace="alpha"),
    )
    revenue = ask("namespace-revenue")
    assert [tuple(n.values()) for n in revenue["namespaces"]] == [
        ("beta", 1, 1, 1, 50),
        ("alpha", 1, 2, 2, 50),
        ("zed", 0, 1, 1, 0),
    ]
    summary = {"totalNamespaces": 3, "totalRevenue": 2, "topNamespace": "beta"}
    assert revenue["summary"] == summary
    activity = ask("namespace-activity")["namespaces"]
    assert [tuple(n.values()) for n in activity] == [
        ("beta", 1, 1, 1, 1),
        ("alpha", 2, 1, 2, 2),
        ("zed", 1, 0, 1, 3),
    ]
    comparison = ask("namespace-comparison")
    assert comparison["summary"]["leader"] == "alpha"
    assert [n["namespace"] for n in comparison["namespaces"]] == ["alpha", "zed", "beta"]
    assert [tuple(n.values()) for n in ask("namespace-usage")["namespaces"]] == [
        ("zed", 2, 12, 9, 3, 10, 75),
        ("beta", 1, 2, 1, 1, 1, 50),
        ("alpha", 2, 3, 1, 2, 2, 33),
    ]


def test_groups_go_by_the_name_of_the_group_in_the_record() -> None:
    keep(
        key("a", 1, 2, 1, group="grp_1"),
        key("b", 1, 3, 1, group="grp_2"),
        key("c", 1, 1, 1),
        key("d", 1, 1, 1, group="grp_gone"),
        key("e", 1, 4, 1, group="grp_3"),
        groups=(
            group("grp_1", "pro"),
            group("grp_2", "deleted", active=False),
            group("grp_3", "ungrouped"),
        ),
    )
    revenue = ask("group-revenue")
    assert [tuple(g.values()) for g in revenue["groups"]] == [
        ("ungrouped", 5, 2, 2, 45),
        ("grp_2", 3, 1, 1, 27),
        ("pro", 2, 1, 1, 18),
        ("grp_gone", 1, 1, 1, 9),
    ]
    assert revenue["summary"] == {"totalGroups": 4, "totalRevenue": 11, "topGroup": "ungrouped"}
    activity = ask("group-activity")["groups"]
    assert tuple(activity[0].values()) == ("ungrouped", 2, 5, 2, 2)


def told(place: int, kind: str, when: timedelta, **metadata: str) -> Data:
    """An entry of the audit log."""
    return {
        "id": place,
        "timestamp": iso_ms(NOW - when),
        "type": kind,
        "actor": "admin",
        "message": kind,
        "metadata": metadata,
    }


def test_groups_perform_by_what_the_audit_log_says_of_assignments() -> None:
    keep(
        key("moved", 1, 1, 1, group="grp_1"),
        key("removed", 1, 2, 1, group="grp_1"),
        key("copy", 1, 4, 1, group="grp_1"),
        key("untold", 1, 8, 1, group="grp_1", suspended=True),
        key("revoked", 1, 16, 1, group="grp_1", active=False),
        key("of a deleted group", 1, 32, 1, group="grp_3"),
        key("rotated and assigned", 1, 64, 1, group="grp_1"),
        key("not yet", 1, 128, 1),
        key("imported since", 1, 256, 1, group="grp_1", age=9 * HOUR),
        key("just before the log", 1, 512, 1, group="grp_1", age=9 * HOUR + MS),
        groups=(
            group("grp_1", "one", rateLimitPerMin=5, deniedTools=["x"]),
            group("grp_2", "two", description="Two"),
            group("grp_3", "three", active=False),
            group("grp_4", "four"),
        ),
    )
    log = [
        told(1, "group.key_assigned", 9 * HOUR, keyMasked=mask(1), groupId="grp_1"),
        told(2, "group.key_assigned", 8 * HOUR, keyMasked=mask(1), groupId="grp_2"),
        told(3, "group.key_assigned", 9 * HOUR, keyMasked=mask(2), groupId="grp_1"),
        told(4, "group.key_removed", 9 * HOUR, keyMasked=mask(2)),
        told(5, "key.rotated", 9 * HOUR, oldKeyMasked=mask(5), newKeyMasked=mask(3)),
        told(6, "key.cloned", 9 * HOUR, sourceKeyMasked=mask(1), newKeyMasked=mask(7)),
        told(7, "group.key_assigned", 8 * HOUR, keyMasked=mask(7), groupId="grp_2"),
        told(8, "group.key_assigned", -HOUR, keyMasked=mask(8), groupId="grp_2"),
    ]
    source = gateway("other")
    exports.import_audit(source, json.dumps({"events": log}).encode())
    small = type(source).objects.get(slug="small")
    exports.import_audit(small, json.dumps({"events": log}).encode())
    answer = ask("group-performance")
    assert answer["summary"] == {"totalGroups": 3, "ungroupedKeys": 5}
    figures = [tuple(g.values())[:9] for g in answer["groups"]]
    assert figures == [
        ("grp_1", "one", "", 2, 522, 520, 2, 2, 100),
        ("grp_2", "two", "Two", 2, 67, 65, 2, 2, 97),
        ("grp_4", "four", "", 0, 0, 0, 0, 0, 0),
    ]
    policy = {"allowedTools": [], "deniedTools": ["x"], "rateLimitPerMin": 5}
    assert answer["groups"][0]["policy"] == policy


def test_each_key_is_in_one_state_and_may_need_attention_twice() -> None:
    keep(
        key("both", 0, suspended=True, active=False),
        key("revoked", 0, active=False, left=-DAY),
        key("expired", 0, left=0 * DAY),
        key("ten", 10, left=7 * DAY),
        key("eleven", 11, left=7 * DAY + MS),
        key("soon", 11, left=HOUR * 1.5),
        key("sooner", 3, left=MS),
    )
    answer = ask("key-status")
    counts = {"total": 7, "active": 4, "suspended": 1, "revoked": 1, "expired": 1}
    assert answer["counts"] == counts
    assert [tuple(need.values()) for need in answer["needsAttention"]] == [
        ("ten", "low_credits", "10 credits remaining"),
        ("ten", "expiring_soon", "Expires in 168 hours"),
        ("soon", "expiring_soon", "Expires in 2 hours"),
        ("sooner", "low_credits", "3 credits remaining"),
        ("sooner", "expiring_soon", "Expires in 0 hours"),
    ]


def test_keys_of_one_rounded_age_stand_in_the_gateways_order() -> None:
    near = timedelta(seconds=1)  # less than a hundredth of an hour
    keep(
        key("first-oldest", age=30 * DAY),
        key("second-oldest", age=30 * DAY + near),
        key("first-youngest", age=DAY),
        key("last-youngest", age=DAY + near),
        key("revoked", age=HOUR, active=False),
    )
    answer = ask("key-age")
    assert answer["summary"] == {
        "totalKeys": 4,
        "avgAgeHours": 372,
        "oldestKey": {
            "keyName": "first-oldest",
            "ageHours": 720,
            "createdAt": iso_ms(NOW - 30 * DAY),
        },
        "newestKey": {
            "keyName": "last-youngest",
            "ageHours": 24,
            "createdAt": iso_ms(NOW - DAY - near),
        },
    }
    assert answer["distribution"] == {"last24h": 0, "last7d": 2, "last30d": 0, "older": 2}
    recent = [entry["keyName"] for entry in answer["recentlyCreated"]]
    assert recent == ["first-youngest", "last-youngest", "first-oldest", "second-oldest"]


def test_the_ten_youngest_are_shown() -> None:
    keep(*(key(f"k{n}", age=HOUR * 5) for n in range(12)))
    recent = ask("key-age")["recentlyCreated"]
    assert [entry["keyName"] for entry in recent] == [f"k{n}" for n in range(10)]


def test_a_portfolio_counts_revoked_keys_too() -> None:
    keep(
        key("a", 2, 1, namespace="n", age=DAY, lastUsedAt=iso_ms(NOW)),
        key("b", 0, 0, namespace="m", suspended=True, active=False, age=2 * DAY),
        key("c", 0, 0, namespace="m", suspended=True, left=DAY, age=2 * DAY),
        key("d", 9, 0, namespace="n", age=6 * HOUR, expiresAt="2026-02-16T14:00:30Z"),
        key("e", 9, 0, namespace="o", active=False, left=DAY, age=2 * DAY),
    )
    answer = ask("key-portfolio")
    assert answer["summary"] == {
        "totalKeys": 5,
        "activeKeys": 2,
        "inactiveKeys": 2,
        "suspendedKeys": 1,
        "averageCreditUtilization": 0.0476,  # 1 / 21
    }
    assert [(k["name"], k["ageDays"]) for k in answer["staleKeys"]] == [("d", 0.3)]
    assert [tuple(k.values()) for k in answer["expiringSoon"]] == [
        ("d", "2026-02-16T14:00:30Z", 2, 9),
        ("c", "2026-02-17T12:00:30.000Z", 24, 0),
    ]
    ages = {"averageAgeDays": 1.5, "oldestAgeDays": 2, "newestAgeDays": 0.3}  # 7.25 / 5
    assert answer["ageDistribution"] == ages
    assert [tuple(n.values()) for n in answer["byNamespace"]] == [
        ("n", 2, 2, 0),
        ("m", 2, 0, 2),
        ("o", 1, 0, 0),
    ]


LIMITED = {"dailyCallLimit": 0, "monthlyCallLimit": 0, "dailyCreditLimit": 0}


def test_every_missing_restriction_costs_points() -> None:
    guarded: Data = {"ipAllowlist": ["10.0.0.1"], "allowedTools": ["x"], "spendingLimit": 5}
    keep(
        key("guarded", 9999, left=DAY, quota={**LIMITED, "monthlyCreditLimit": 1}, **guarded),
        key("rich", 10000, left=-DAY, quota={**LIMITED, "monthlyCreditLimit": 0}, **guarded),
        key("plain", suspended=True),
        key("gone", active=False),
    )
    answer = ask("security")
    found = [(f["type"], f["severity"], f["keys"]) for f in answer["findings"]]
    assert found == [
        ("no_ip_allowlist", "warning", ["plain"]),
        ("no_quota", "info", ["rich", "plain"]),
        ("no_acl_restriction", "info", ["plain"]),
        ("no_spending_limit", "info", ["plain"]),
        ("no_expiry", "info", ["plain"]),
        ("high_credit_balance", "warning", ["rich"]),
    ]
    assert answer["score"] == 80  # 100 - 2 x 5 - 5 x 2
    assert answer["summary"] == {"totalKeys": 3, "totalFindings": 7}


def test_a_global_quota_covers_every_key_and_the_score_ends_at_zero() -> None:
    keep(*(key(f"k{n}") for n in range(10)))
    assert ask("security")["score"] == 0
    source = type(gateway("other")).objects.get(slug="small")
    config = {"globalRateLimitPerMin": 0, "globalQuota": {**LIMITED, "dailyCallLimit": 3}}
    exports.import_config(source, json.dumps(config).encode())
    assert "no_quota" not in [f["type"] for f in ask("security")["findings"]]


def test_keys_of_all_gateways_are_counted_unless_one_is_named() -> None:
    keep(key("a", 1, 1, 1, group="g"), groups=(group("g", "one"),))
    keep(key("a", 1, 1, 1, group="g"), groups=(group("g", "two"),), slug="second")
    everywhere = {"as_of": NOW.isoformat()}
    groups = find_report("group-revenue", Family.GATEWAY).answer(everywhere).data["groups"]
    assert [g["group"] for g in groups] == ["one", "two"]
    performance = find_report("group-performance", Family.GATEWAY).answer(everywhere).data
    assert [g["keyCount"] for g in performance["groups"]] == [1, 1]
    assert len(ask("group-revenue")["groups"]) == 1
