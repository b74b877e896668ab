"""Reports over the audit log: audit-summary, lifecycle, compliance-export."""

import json
from datetime import datetime
from typing import Any

import pytest
from rest_framework.exceptions import ValidationError

from analytics.registry import Family, find_report
from billing.api.renderers import exact_json
from billing.gateway import exports, store
from billing.gateway.records import read_admin_event
from tests.gateway.conftest import NOW, START, gateway, import_settings, recorded, said
from tests.gateway.small import ask, key, logged, mask, small_gateway

pytestmark = pytest.mark.django_db

LOG = [
    entry
    for name in ("audit-2", "audit-1")
    for entry in reversed(json.loads(recorded(f"{name}.json"))["events"])
]


def answered(slug: str, source: str, now: datetime, **query: str) -> bytes:
    asked = {"source": source, "as_of": now.isoformat(), **query}
    return exact_json(find_report(slug, Family.GATEWAY).answer(asked).data)


def gateway_that_logged(entries: list[dict[str, Any]]) -> str:
    """A gateway with the recorded settings and these entries of its audit log."""
    source = gateway("then")
    import_settings(source, recorded)
    exports.import_audit(source, json.dumps({"events": entries}).encode())
    return "then"


def logged_before_export(framework: str) -> list[dict[str, Any]]:
    """The log as a recorded export saw it: each export is logged after it was made."""
    own = next(
        entry
        for entry in LOG
        if entry["message"] == f"Compliance report exported: {framework} (json)"
        and entry["timestamp"] == "2026-02-16T12:00:30.000Z"
    )
    return [entry for entry in LOG if entry["id"] < own["id"]]


def test_the_audit_summary_is_the_recorded_one_but_for_exports_made_later() -> None:
    summary = recorded("reports/audit-summary.json")
    total = json.loads(summary)["summary"]["totalEvents"]
    then = [entry for entry in LOG if entry["id"] <= total]
    later = LOG[len(then) :]
    assert [entry["type"] for entry in later] == ["config.export"] * 2
    assert answered("audit-summary", gateway_that_logged(then), NOW) == summary


def test_an_empty_audit_summary_is_the_recorded_one(untouched: str) -> None:
    assert answered("audit-summary", untouched, START) == recorded("empty/audit-summary.json")


@pytest.mark.parametrize(
    ("name", "framework", "query"),
    [
        ("compliance-export", "soc2", {}),
        (
            "compliance-export__framework=gdpr_since=2026-02-15T000000Z",
            "gdpr",
            {"framework": "gdpr", "since": "2026-02-15T00:00:00Z"},
        ),
        (
            "compliance-export__framework=hipaa_since=2026-02-16T000000Z",
            "hipaa",
            {"framework": "hipaa", "since": "2026-02-16T00:00:00Z"},
        ),
    ],
)
def test_the_compliance_export_is_the_recorded_one(
    name: str, framework: str, query: dict[str, str]
) -> None:
    source = gateway_that_logged(logged_before_export(framework))
    assert answered("compliance-export", source, NOW, **query) == exact_json(said("reports", name))


def test_an_empty_compliance_export_is_the_recorded_one() -> None:
    recorded_one = exact_json(said("empty", "compliance-export"))
    assert answered("compliance-export", gateway_that_logged([]), START) == recorded_one


def test_an_unknown_framework_is_refused_in_the_words_of_the_gateway() -> None:
    refusal = said("reports", "compliance-export__framework=pci")["error"]
    with pytest.raises(ValidationError) as raised:
        ask("compliance-export", framework="pci")
    said_of = raised.value.get_full_details()
    assert said_of == {"framework": [{"message": refusal, "code": "invalid_framework"}]}


def test_the_last_hour_and_day_include_what_is_exactly_that_old() -> None:
    small_gateway(
        audit=[
            logged(1, "key.created", "2026-02-15T11:59:59.999Z"),
            logged(2, "key.created", "2026-02-15T12:00:00.000Z"),
            logged(3, "key.created", "2026-02-16T11:00:00.000Z"),
            logged(4, "key.created", "2026-02-16T12:00:00.001Z"),
        ]
    )
    assert ask("audit-summary")["summary"] == {
        "totalEvents": 3,
        "eventsLastHour": 1,
        "eventsLast24h": 2,
        "oldestEvent": "2026-02-15T11:59:59.999Z",
        "newestEvent": "2026-02-16T11:00:00.000Z",
    }


def test_types_and_actors_rank_by_count_then_by_first_appearance_over_restarts() -> None:
    numbers = [(f"actor-{n:02}", n + 1) for n in range(11)]
    before = [logged(n, f"type.{actor}", actor=actor) for actor, n in numbers]
    after_restart = logged(1, "type.late", "2026-02-16T10:00:00.001Z", actor="actor-10")
    small_gateway(audit=[*before, after_restart])
    answer = ask("audit-summary")
    actors = [(row["actor"], row["count"]) for row in answer["topActors"]]
    assert actors == [("actor-10", 2), *((f"actor-{n:02}", 1) for n in range(9))]
    assert len(answer["eventsByType"]) == 12
    assert answer["eventsByType"][-1] == {"type": "type.late", "count": 1}
    assert [row["id"] for row in answer["recentEvents"]] == [1, *range(11, 0, -1)]


def test_recent_events_are_the_newest_twenty() -> None:
    small_gateway(audit=[logged(n, "gate.allow") for n in range(1, 31)])
    recent = ask("audit-summary")["recentEvents"]
    assert [row["id"] for row in recent] == list(range(30, 10, -1))


def test_an_event_stands_in_each_section_it_belongs_to_and_in_none_of_the_others() -> None:
    small_gateway(
        audit=[
            logged(1, "session.created"),
            logged(2, "key.revoked", metadata={"z": 1, "a": {"7": 2.50, "big": 12345678901234567}}),
            logged(3, "gate.deny", actor="pg_1...2"),
            logged(4, "admin.auth_failed", actor="10.0.0.1"),
            logged(5, "config.reloaded"),
        ]
    )
    answer = ask("compliance-export")
    access, processing, changes, security = answer["sections"]
    assert [e["action"] for e in access["events"]] == ["auth_failed", "revoked"]
    assert [e["severity"] for e in access["events"]] == ["critical", "warning"]
    assert [e["action"] for e in processing["events"]] == ["deny"]
    assert changes["events"] == [
        {
            "timestamp": "2026-02-16T10:00:00.000Z",
            "category": "config",
            "action": "reloaded",
            "actor": "admin",
            "detail": "entry 5",
            "severity": "info",
        }
    ]
    assert security["count"] == 2
    assert security["events"][1]["metadata"] == {"z": 1, "a": {"7": 2.5, "big": 12345678901234567}}
    assert list(security["events"][1]["metadata"]) == ["z", "a"]
    assert answer["meta"]["totalEvents"] == 5
    assert answer["summary"]["uniqueActors"] == 3
    assert answer["summary"]["authFailures"] == answer["summary"]["keysRevoked"] == 1


def test_an_export_shows_and_counts_the_newest_thousand_only() -> None:
    small_gateway(
        audit=[logged(1, "key.created"), *(logged(n, "gate.allow") for n in range(2, 1002))]
    )
    answer = ask("compliance-export")
    assert answer["meta"]["totalEvents"] == answer["sections"][1]["count"] == 1000
    assert answer["summary"]["keysCreated"] == 0
    assert answer["sections"][1]["events"][0]["detail"] == "entry 1001"


def test_a_period_includes_its_ends_and_repeats_the_text_asked_for() -> None:
    small_gateway(
        audit=[
            logged(1, "key.created", "2026-02-09T23:59:59.999Z"),
            logged(2, "key.created", "2026-02-10T00:00:00.000Z"),
            logged(3, "key.created", "2026-02-10T08:00:00.000Z"),
            logged(4, "key.created", "2026-02-10T08:00:00.001Z"),
        ]
    )
    answer = ask("compliance-export", since="2026-02-10", until="2026-02-10T09:00:00+01:00")
    assert answer["meta"]["totalEvents"] == 2
    assert answer["meta"]["periodStart"] == "2026-02-10"
    assert answer["meta"]["periodEnd"] == "2026-02-10T09:00:00+01:00"
    assert ask("lifecycle", since="2026-02-10", until="2026-02-10T08:00Z")["events"]["created"] == 2
    assert ask("lifecycle", since="yesterday")["events"]["created"] == 0
    assert ask("compliance-export", until="soon")["meta"]["totalEvents"] == 0


def test_each_type_of_event_counts_to_a_thousand_and_days_are_those_of_the_zone() -> None:
    small_gateway(
        audit=[
            logged(1, "key.created", "2026-02-09T23:30:00.000Z"),
            logged(2, "key.revoked", "2026-02-09T23:30:00.000Z"),
            *(logged(n, "key.created", "2026-02-11T12:00:00.000Z") for n in range(3, 1003)),
            logged(1003, "key.rotated", "2026-02-12T12:00:00.000Z"),
        ]
    )
    answer = ask("lifecycle", tz="Europe/Berlin")
    assert answer["events"] == {
        "created": 1000,
        "revoked": 1,
        "suspended": 0,
        "resumed": 0,
        "rotated": 1,
        "cloned": 0,
    }
    assert answer["trends"] == [
        {"date": "2026-02-10", "created": 0, "revoked": 1, "suspended": 0, "resumed": 0},
        {"date": "2026-02-11", "created": 1000, "revoked": 0, "suspended": 0, "resumed": 0},
    ]


def test_a_gateway_whose_audit_log_never_came_is_counted_by_its_webhook() -> None:
    source = small_gateway()
    told = [
        ("key.created", {"keyMasked": "pg_aaaa...0001", "name": "a", "credits": 5}),
        ("key.created", {"key": "pg_aaaa111", "alias": "a", "event": "alias_set"}),
        ("key.suspended", {"keyMasked": "pg_aaaa...0001", "reason": None}),
    ]
    events = [
        read_admin_event({"type": t, "timestamp": "2026-02-10T10:00:00Z", "metadata": m})
        for t, m in told
    ]
    store.store_delivered(source.pk, [], events)
    assert ask("lifecycle")["trends"] == [
        {"date": "2026-02-10", "created": 1, "revoked": 0, "suspended": 1, "resumed": 0}
    ]
    exports.import_audit(source, json.dumps({"events": [logged(1, "key.resumed")]}).encode())
    events = ask("lifecycle")["events"]
    assert (events["created"], events["suspended"], events["resumed"]) == (0, 0, 1)


def test_a_life_ends_at_expiry_or_has_not_ended_and_revocation_does_not_count() -> None:
    small_gateway(
        [
            key(1, active=False, createdAt="2026-02-16T09:00:00.000Z"),  # 3 h until now
            key(2, active=False, expiresAt="2026-02-01T12:15:00Z"),  # 0.25 h
            key(3, active=False, expiresAt="2026-01-31T12:00:00Z"),  # expired before it was made
            key(4),
        ]
    )
    assert ask("lifecycle")["averageLifetimeHours"] == 1.6  # 1.625


def test_keys_at_risk_come_in_the_order_of_keys_and_may_come_twice() -> None:
    small_gateway(
        [
            key(1, credits=0, expiresAt="2026-02-23T12:00:00Z"),
            key(2, expiresAt="2026-02-16T12:00:00.000Z"),
            key(3, expiresAt="2026-02-23T12:00:00.001Z"),
            key(4, credits=0, suspended=True),
            key(5, expiresAt="2026-02-18T03:36:00Z"),  # 1.65 days
        ]
    )
    assert ask("lifecycle")["atRisk"] == [
        {"key": mask(1), "name": "key-1", "risk": "zero_credits", "details": {"credits": 0}},
        {
            "key": mask(1),
            "name": "key-1",
            "risk": "expiring_soon",
            "details": {"expiresAt": "2026-02-23T12:00:00Z", "daysRemaining": 7},
        },
        {
            "key": mask(2),
            "name": "key-2",
            "risk": "expired",
            "details": {"expiresAt": "2026-02-16T12:00:00.000Z"},
        },
        {
            "key": mask(5),
            "name": "key-5",
            "risk": "expiring_soon",
            "details": {"expiresAt": "2026-02-18T03:36:00Z", "daysRemaining": 1.7},
        },
    ]
