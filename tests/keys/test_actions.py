"""What staff do to keys issued here: at once, with a reason, on record."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from billing.models import ApiKey, CreditEntry, KeyAction, KeyGroup, KeyNote, Source
from tests.api.callers import Caller, caller, problem_of, source
from tests.keys.conftest import KEYS, issued, reason, verdict


def act(client: Caller, key: ApiKey, kind: str, **given: Any) -> Any:
    """The answer to an action."""
    return client.post(f"{KEYS}{key.pk}/{kind}/", {"reason": "they asked", **given})


def done(client: Caller, key: ApiKey, kind: str, **given: Any) -> Any:
    """The record of an action that must be done."""
    response = act(client, key, kind, **given)
    assert response.status_code == 200, response.content
    return response.json()


def test_an_action_is_on_record(support: Caller, viewer: Caller) -> None:
    key = issued().key
    record = done(support, key, "suspend")
    assert (record["key"], record["kind"], record["status"]) == (key.pk, "suspend", "done")
    assert (record["reason"], record["outcome"]) == ("they asked", "Suspended.")
    assert record["actor"].startswith("token:")
    assert viewer.get("/api/v1/key-actions/", key=key.pk).json()["results"] == [record]


def test_a_suspended_key_is_refused_until_resumed(support: Caller) -> None:
    made = issued()
    done(support, made.key, "suspend")
    assert reason(support, made.secret) == "key_suspended"
    assert problem_of(act(support, made.key, "suspend"), 409) == "action_refused"
    done(support, made.key, "resume")
    assert reason(support, made.secret) is None
    assert problem_of(act(support, made.key, "resume"), 409) == "action_refused"
    said = list(KeyAction.objects.order_by("id").values_list("status", "outcome"))
    assert said == [
        ("done", "Suspended."),
        ("failed", "The key is suspended already."),
        ("done", "Resumed."),
        ("failed", "The key is not suspended."),
    ]


def test_a_revoked_key_is_over(support: Caller) -> None:
    made = issued()
    done(support, made.key, "revoke")
    assert reason(support, made.secret) == "invalid_api_key: revoked"
    later: dict[str, dict[str, Any]] = {
        "revoke": {},
        "resume": {},
        "topup": {"credits": 1},
        "rotate": {},
        "expiry": {"expires_at": None},
        "tags": {"tags": {}},
    }
    for kind, given in later.items():
        assert problem_of(act(support, made.key, kind, **given), 409) == "action_refused"


def test_a_topup_is_a_line_of_the_ledger(support: Caller) -> None:
    key = issued("1.5").key
    done(support, key, "topup", credits=2.25)
    line = CreditEntry.objects.first()
    assert line is not None
    assert (line.kind, line.amount, line.balance_after) == ("topup", 2.25, 3.75)
    assert (line.memo, line.actor[:6]) == ("they asked", "token:")
    assert ApiKey.objects.get().credits == 3.75
    for wrong in (0, -1, "many"):
        assert problem_of(act(support, key, "topup", credits=wrong), 400) == "invalid"


def test_a_transfer_moves_credits_and_makes_none(support: Caller) -> None:
    giver, taker = issued("10").key, issued("1").key
    done(support, giver, "transfer", to=taker.pk, credits=4, memo="for tests")
    balances = dict(ApiKey.objects.values_list("id", "credits"))
    assert balances == {giver.pk: 6, taker.pk: 5}
    out, into = CreditEntry.objects.filter(memo="for tests").order_by("id")
    assert (out.kind, out.key_id, out.amount) == ("transfer_out", giver.pk, -4)
    assert (into.kind, into.key_id, into.amount) == ("transfer_in", taker.pk, 4)
    strange = issued("1", source="other").key
    for to, credits in ((taker.pk, 7), (giver.pk, 1), (strange.pk, 1), (10**9, 1)):
        refused = act(support, giver, "transfer", to=to, credits=credits)
        assert problem_of(refused, 409) == "action_refused"
    assert dict(ApiKey.objects.exclude(pk=strange.pk).values_list("id", "credits")) == balances


def test_a_rotated_key_keeps_everything_but_its_secret(support: Caller) -> None:
    made = issued("10")
    verdict(support, made.secret, credits=4)
    record = done(support, made.key, "rotate")
    fresh = record["new_key"]
    assert fresh != made.secret
    assert reason(support, made.secret) == "invalid_api_key"
    assert verdict(support, fresh, credits=1)["credits_remaining"] == 5
    key = ApiKey.objects.get()
    assert (key.pk, key.prefix, key.total_calls) == (made.key.pk, fresh[:10], 2)
    shown = support.get("/api/v1/key-actions/").content.decode()
    assert fresh not in shown
    assert made.secret not in shown
    assert key.mask in shown


def test_expiry_group_and_tags_are_set(support: Caller) -> None:
    made = issued(tags={"plan": "free", "old": "x"})
    KeyGroup.objects.create(source=made.key.source, group_id="g1", name="g", denied_tools=["draw"])
    done(support, made.key, "group", group="g1")
    assert reason(support, made.secret, "draw") == "tool_denied: draw is in deniedTools"
    done(support, made.key, "group", group="")
    assert reason(support, made.secret, "draw") is None
    assert problem_of(act(support, made.key, "group", group="g2"), 409) == "action_refused"
    done(support, made.key, "tags", tags={"plan": "pro", "old": None, "eu": "yes"})
    assert ApiKey.objects.get().tags == {"plan": "pro", "eu": "yes"}
    done(support, made.key, "expiry", expires_at="2020-01-01T00:00:00Z")
    assert reason(support, made.secret) == "api_key_expired"
    done(support, made.key, "expiry", expires_at=None)
    assert reason(support, made.secret) is None


def test_an_action_needs_a_reason_and_the_role(support: Caller, viewer: Caller) -> None:
    key = issued().key
    response = support.post(f"{KEYS}{key.pk}/suspend/", {})
    assert list(response.json()["errors"]) == ["reason"]
    assert act(viewer, key, "suspend").status_code == 403
    foreign = caller("support", source=source("theirs"))
    assert act(foreign, key, "suspend").status_code == 404
    assert not ApiKey.objects.get().suspended


def test_a_key_of_a_gateway_that_cannot_be_reached_is_refused(support: Caller) -> None:
    holder = Source.objects.create(slug="gw", kind="paygate")
    key = ApiKey.objects.create(source=holder, name="acme", prefix="pg_1234567")
    assert problem_of(act(support, key, "suspend"), 409) == "action_refused"
    assert not KeyAction.objects.exists()


def test_a_key_pasted_into_a_reason_or_note_is_masked(support: Caller) -> None:
    made, strange = issued(), "pg_" + "ab" * 24
    client = support.client
    client.force_login(User.objects.create_superuser("root", "root@example.org", "secret"))
    support.post(f"{KEYS}{made.key.pk}/suspend/", {"reason": f"{strange} is the same person"})
    support.post("/api/v1/key-notes/", {"key": made.key.pk, "text": f"see {strange}"})
    client.post(f"/admin/billing/apikey/{made.key.pk}/note/", {"text": f"and {strange}"})
    assert KeyAction.objects.get().reason == "pg_abab...abab is the same person"
    assert [note.text for note in KeyNote.objects.order_by("id")] == [
        "see pg_abab...abab",
        "and pg_abab...abab",
    ]


@pytest.mark.parametrize("tags", [[], {"a": 1}, {"": "x"}, {"a": "x" * 101}])
def test_tags_are_names_and_texts(support: Caller, tags: Any) -> None:
    response = act(support, issued().key, "tags", tags=tags)
    assert list(response.json()["errors"]) == ["tags"]
