"""Keys, groups, notes, ledgers and calls over HTTP: shapes, filters, pages, who sees what."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import AdminToken, ApiKey, CreditEntry, KeyGroup, KeyNote, UsageEvent
from billing.tokens import issue
from tests.api.callers import Caller, caller, problem_of, source
from tests.keys.conftest import KEYS, issued, verdict

GROUPS, NOTES = "/api/v1/key-groups/", "/api/v1/key-notes/"
ENTRIES, USAGE = "/api/v1/credit-entries/", "/api/v1/usage-events/"


def names(answer: Any) -> list[str]:
    """The names on a page of keys."""
    return [row["name"] for row in answer.json()["results"]]


def test_a_key_is_issued_and_shown_once(support: Caller) -> None:
    KeyGroup.objects.create(source=source(), group_id="grp_1", name="starter")
    response = support.post(
        KEYS,
        {
            "name": "acme",
            "credits": 12.5,
            "namespace": "prod",
            "group": "grp_1",
            "tags": {"plan": "pro"},
            "spending_limit": 100,
            "quota": {"dailyCallLimit": 7},
            "ip_allowlist": ["10.0.0.1/8", "::1"],
            "allowed_tools": ["search"],
            "denied_tools": ["draw"],
            "expires_at": "2099-01-01T00:00:00Z",
        },
    )
    row = response.json()
    assert response.status_code == 201
    assert "no-store" in response["Cache-Control"]
    secret = row.pop("key")
    assert (len(secret), secret[:3]) == (51, "pg_")
    assert row["prefix"] == secret[:10]
    assert row["mask"] == f"{secret[:7]}...{secret[-4:]}"
    assert (row["source"], row["is_issued_here"], row["name"]) == ("default", True, "acme")
    assert (row["credits"], row["total_spent"], row["total_calls"]) == (12.5, 0, 0)
    assert (row["active"], row["suspended"], row["last_used_at"]) == (True, False, None)
    assert (row["namespace"], row["group"], row["tags"]) == ("prod", "grp_1", {"plan": "pro"})
    assert row["spending_limit"] == 100
    assert row["ip_allowlist"] == ["10.0.0.0/8", "::1/128"]
    assert (row["allowed_tools"], row["denied_tools"]) == (["search"], ["draw"])
    assert row["quota"]["dailyCallLimit"] == 7
    assert row["quota"]["monthlyCreditLimit"] == 0
    assert row["expires_at"] == "2099-01-01T00:00:00Z"
    again = support.get(f"{KEYS}{row['id']}/")
    assert again.json() == row
    assert secret not in again.content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("credits", -1),
        ("namespace", "Prod EU!"),
        ("group", "grp_none"),
        ("tags", {"a": 1}),
        ("tags", ["a"]),
        ("quota", {"daily": 1}),
        ("quota", {"dailyCallLimit": -1}),
        ("ip_allowlist", ["here"]),
        ("expires_at", "2020-01-01T00:00:00Z"),
        ("source", "nobody"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_issued(support: Caller, field: str, value: Any) -> None:
    response = support.post(KEYS, {"name": "acme", field: value})
    assert problem_of(response, 400) == "invalid"
    assert [name.split(".")[0] for name in response.json()["errors"]] == [field]
    assert not ApiKey.objects.exists()


def test_viewers_read_and_do_not_issue(viewer: Caller) -> None:
    issued()
    assert viewer.post(KEYS, {"name": "acme"}).status_code == 403
    assert len(viewer.get(KEYS).json()["results"]) == 1
    assert caller("", can_ingest=True).get(KEYS).status_code == 403


def test_keys_are_found_by_every_exact_field(viewer: Caller) -> None:
    first = issued("5", name="a", namespace="prod", group_id="g1").key
    issued("9", source="other", name="b", suspended=True, active=False)
    wanted: dict[str, Any] = {
        "source": "default",
        "name": "a",
        "prefix": first.prefix,
        "mask": first.mask,
        "namespace": "prod",
        "group": "g1",
        "active": "true",
        "suspended": "false",
    }
    for name, value in wanted.items():
        assert names(viewer.get(KEYS, **{name: value})) == ["a"], name
    assert names(viewer.get(KEYS, active="false")) == ["b"]
    soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    assert names(viewer.get(KEYS, created_after=soon)) == []
    assert names(viewer.get(KEYS, created_before=soon)) == ["b", "a"]
    assert names(viewer.get(KEYS, ordering="credits")) == ["a", "b"]
    assert names(viewer.get(KEYS, ordering="-name")) == ["b", "a"]
    assert problem_of(viewer.get(KEYS, nonsense="1"), 400) == "invalid"
    assert problem_of(viewer.get(KEYS, ordering="digest"), 400) == "invalid"


def test_pages_are_sought_and_never_counted(viewer: Caller) -> None:
    for n in range(5):
        issued(str(n % 2), name=f"k{n}")
    seen, url = [], f"{KEYS}?page_size=2&ordering=-credits"
    with CaptureQueriesContext(connection) as captured:
        while url:
            answer = viewer.get(url)
            seen += names(answer)
            url = answer.json()["next"]
    assert seen == ["k3", "k1", "k4", "k2", "k0"]
    assert not any("count(" in query["sql"].lower() for query in captured.captured_queries)


def test_a_token_of_a_source_sees_and_issues_its_own(support: Caller) -> None:
    key = issued().key
    verdict(support, issued(name="second").secret)
    KeyGroup.objects.create(source=key.source, group_id="g", name="g")
    KeyNote.objects.create(key=key, text="mine")
    theirs = caller("support", source=source("theirs"))
    for url in (KEYS, GROUPS, NOTES, ENTRIES, USAGE):
        assert theirs.get(url).json()["results"] == [], url
        assert support.get(url).status_code == 200
    assert theirs.get(f"{KEYS}{key.pk}/").status_code == 404
    assert problem_of(theirs.post(NOTES, {"key": key.pk, "text": "hello"}), 400) == "invalid"
    assert theirs.post(KEYS, {"name": "new"}).json()["source"] == "theirs"
    refused = theirs.post(KEYS, {"name": "new", "source": "default"})
    assert problem_of(refused, 403) == "foreign_source"


def test_notes_are_written_by_name_and_removed(support: Caller, viewer: Caller) -> None:
    key = issued().key
    response = support.post(NOTES, {"key": key.pk, "text": "Called them."})
    assert response.status_code == 201
    note = response.json()
    assert note["author"].startswith("token:")
    assert viewer.post(NOTES, {"key": key.pk, "text": "no"}).status_code == 403
    assert viewer.get(NOTES, key=key.pk).json()["results"] == [note]
    assert viewer.send("DELETE", f"{NOTES}{note['id']}/").status_code == 403
    assert support.send("DELETE", f"{NOTES}{note['id']}/").status_code == 204
    assert not KeyNote.objects.exists()


def test_groups_of_the_portal_are_made_and_changed(support: Caller, viewer: Caller) -> None:
    row = support.post(GROUPS, {"name": "starter", "rate_limit_per_min": 10}).json()
    assert (row["source"], row["name"], row["is_active"]) == ("default", "starter", True)
    assert row["group_id"].startswith("grp_")
    url = f"{GROUPS}{row['id']}/"
    changed = support.send("PATCH", url, {"denied_tools": ["draw"], "group_id": "x"}).json()
    assert (changed["denied_tools"], changed["group_id"]) == (["draw"], row["group_id"])
    assert viewer.send("PATCH", url, {"name": "x"}).status_code == 403
    twice = support.post(GROUPS, {"name": "again", "group_id": row["group_id"]})
    assert problem_of(twice, 409) == "conflict"


def test_groups_of_a_gateway_are_only_read(support: Caller) -> None:
    group = KeyGroup.objects.create(
        source=source("gw"), group_id="g", name="g", seen_at=datetime.now(UTC)
    )
    response = support.send("PATCH", f"{GROUPS}{group.pk}/", {"name": "mine"})
    assert problem_of(response, 409) == "gateways_own"


def test_ledgers_and_calls_are_read(support: Caller, viewer: Caller) -> None:
    made = issued("10")
    verdict(support, made.secret, credits=2.5, request_id="r1")
    verdict(support, made.secret, tool="draw", credits=99)
    (charge,) = viewer.get(ENTRIES, kind="charge", key=made.key.pk).json()["results"]
    assert (charge["amount"], charge["balance_before"], charge["balance_after"]) == (-2.5, 10, 7.5)
    assert (charge["tool"], charge["request_id"]) == ("search", "r1")
    (call,) = viewer.get(USAGE, tool="draw").json()["results"]
    assert (call["key"], call["allowed"], call["credits"]) == (made.key.pk, False, 0)
    assert call["deny_reason"] == "insufficient_credits"
    at = call["at"]
    assert len(viewer.get(USAGE, at_before=at).json()["results"]) <= 1
    (latest, *_) = viewer.get(USAGE, at_after=at, ordering="-id").json()["results"]
    assert latest["id"] == call["id"]
    for url in (ENTRIES, USAGE):
        assert caller("admin").post(url, {}).status_code == 405
    assert CreditEntry.objects.count() == 2
    assert UsageEvent.objects.count() == 2


def test_staff_tokens_of_lesser_roles_do_not_act(db: None) -> None:
    finance = Caller(issue(AdminToken(name="f", role="finance")))
    assert finance.get(KEYS).status_code == 200
    assert finance.post(KEYS, {"name": "acme"}).status_code == 403


def test_a_key_pasted_into_a_group_is_masked(support: Caller) -> None:
    secret = "pg_" + "0123456789abcdef" * 3
    made = support.post(
        GROUPS, {"name": secret, "description": f"was {secret}", "tags": {"k": secret}}
    )
    assert made.status_code == 201
    group = KeyGroup.objects.get()
    assert secret not in f"{group.name} {group.description} {group.tags} {made.content!r}"
    assert group.name == "pg_0123...cdef"
    changed = support.send("PATCH", f"{GROUPS}{group.pk}/", {"description": secret})
    assert changed.status_code == 200
    assert KeyGroup.objects.get().description == "pg_0123...cdef"


def test_a_number_beyond_every_decimal_is_no_json(support: Caller) -> None:
    body = b'{"name": "k", "credits": 1e99999999999999999999}'
    answer = support.post(KEYS, body)
    assert answer.status_code == 400
