"""Actions on a gateway's keys: done by the gateway, whatever breaks, and never twice."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from billing.keys.secrets import traces
from billing.models import ApiKey, KeyAction, Source
from billing.tasks import carry_out_key_action, carry_out_key_actions
from tests.api.callers import Caller, problem_of
from tests.keys.conftest import KEYS
from tests.keys.standin import ADMIN_KEY, Gateway

SECRET, OTHER, THIRD = "pg_" + "ab" * 24, "pg_" + "cd" * 24, "pg_" + "00" * 24


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """A gateway with two keys."""
    standin = Gateway()
    standin.add(THIRD, name="someone else")
    standin.add(SECRET)
    standin.add(OTHER, name="other")
    standin.start()
    yield standin
    standin.stop()


@pytest.fixture
def key(db: None, gateway: Gateway) -> ApiKey:
    """The first key, known to the portal by its digest."""
    return known(gateway, SECRET)


def known(gateway: Gateway, secret: str, **fields: Any) -> ApiKey:
    """A key as an import leaves it."""
    holder = Source.objects.get_or_create(
        slug="gw", defaults={"kind": "paygate", "base_url": gateway.url, "admin_key": ADMIN_KEY}
    )[0]
    seen = traces(secret)
    plain = {"prefix": seen.prefix, "mask": seen.mask, "digest": seen.digest}
    name = gateway.keys[secret]["name"]
    return ApiKey.objects.create(source=holder, **{"name": name, **plain, **fields})


def queued(client: Caller, row: ApiKey, kind: str, **given: Any) -> int:
    """The id of an action that waits."""
    response = client.post(f"{KEYS}{row.pk}/{kind}/", {"reason": "they asked", **given})
    assert response.status_code == 202, response.content
    assert response.json()["status"] == "queued"
    number: int = response.json()["id"]
    return number


def again() -> None:
    """Time passes."""
    KeyAction.objects.update(due_at=datetime(2026, 1, 1, tzinfo=UTC))
    carry_out_key_actions()


def result(action: int) -> tuple[str, str]:
    """How it stands, and what came of it."""
    row = KeyAction.objects.get(pk=action)
    return row.status, row.outcome


def acted(client: Caller, row: ApiKey, kind: str, **given: Any) -> tuple[str, str]:
    """The same for an action that a worker takes up once."""
    action = queued(client, row, kind, **given)
    carry_out_key_action(action)
    return result(action)


def test_every_action_is_done_by_the_gateway(
    support: Caller, gateway: Gateway, key: ApiKey
) -> None:
    record, other = gateway.keys[SECRET], known(gateway, OTHER)
    assert acted(support, key, "suspend") == ("done", "Key suspended")
    assert (record["suspended"], record["why"]) == (True, "they asked")
    assert acted(support, key, "resume") == ("done", "Key resumed")
    assert acted(support, key, "topup", credits=5) == ("done", "Added 5 credits")
    assert acted(support, key, "transfer", to=other.pk, credits=7)[0] == "done"
    assert (record["credits"], gateway.keys[OTHER]["credits"]) == (98, 107)
    acted(support, key, "expiry", expires_at="2099-01-01T00:00:00Z")
    assert record["expiresAt"] == "2099-01-01T00:00:00+00:00"
    acted(support, key, "tags", tags={"plan": "pro", "old": None})
    assert record["tags"] == {"plan": "pro"}
    acted(support, key, "group", group="grp_1")
    assert record["group"] == "grp_1"
    acted(support, key, "group", group="")
    assert "group" not in record
    assert acted(support, key, "revoke") == ("done", "Key revoked")
    assert not record["active"]


def test_a_refusal_shows_the_gateways_words(support: Caller, gateway: Gateway, key: ApiKey) -> None:
    gateway.keys[SECRET]["suspended"] = True
    expected = ("failed", "Key is already suspended (HTTP 400)")
    assert acted(support, key, "suspend") == expected
    again()
    assert gateway.posts() == ["POST /keys/suspend"]


def test_it_waits_for_a_gateway_that_restarts(
    support: Caller, gateway: Gateway, key: ApiKey
) -> None:
    gateway.stop()
    action = queued(support, key, "topup", credits=5)
    carry_out_key_action(action)
    status, outcome = result(action)
    assert status == "queued"
    assert outcome.startswith("The gateway cannot be reached")
    gateway.start()
    carry_out_key_actions()
    assert gateway.keys[SECRET]["credits"] == 100  # not due yet
    again()
    again()
    assert result(action) == ("done", "Added 5 credits")
    assert gateway.keys[SECRET]["credits"] == 105
    assert gateway.posts() == ["POST /topup"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_gateway_that_is_busy_is_asked_again(
    support: Caller, gateway: Gateway, key: ApiKey, status: int
) -> None:
    gateway.answers = [status, status]
    action = queued(support, key, "topup", credits=5)
    for _ in range(3):
        again()
    assert result(action) == ("done", "Added 5 credits")
    assert gateway.keys[SECRET]["credits"] == 105


@pytest.mark.parametrize("how", ["before", "after"])
@pytest.mark.parametrize("kind", ["topup", "transfer", "suspend", "revoke"])
def test_a_lost_answer_does_not_make_it_happen_twice(
    support: Caller, gateway: Gateway, key: ApiKey, kind: str, how: str
) -> None:
    given = {
        "topup": {"credits": 5},
        "transfer": {"credits": 5, "to": known(gateway, OTHER).pk},
    }.get(kind, {})
    gateway.broken = [how]
    action = queued(support, key, kind, **given)
    carry_out_key_action(action)
    assert result(action)[0] == "queued"
    # Meanwhile calls go on: what they spend is no sign of a top-up.
    gateway.keys[SECRET]["credits"] -= 3
    gateway.keys[SECRET]["totalSpent"] += 3
    gateway.stop()
    gateway.start()
    again()
    again()
    assert result(action)[0] == "done"
    record = gateway.keys[SECRET]
    moved = record["credits"] + record["totalSpent"] - 100
    assert moved == {"topup": 5, "transfer": -5}.get(kind, 0)
    assert record["suspended"] is (kind == "suspend")
    assert record["active"] is (kind != "revoke")
    assert len(gateway.posts()) == (1 if how == "after" else 2)


def test_what_cannot_be_told_is_not_repeated(
    support: Caller, gateway: Gateway, key: ApiKey
) -> None:
    gateway.broken = ["after"]
    action = queued(support, key, "topup", credits=5)
    carry_out_key_action(action)
    gateway.keys[SECRET]["credits"] += 1000  # somebody else topped it up as well
    again()
    status, outcome = result(action)
    assert status == "failed"
    assert "cannot be told" in outcome
    assert len(gateway.posts()) == 1


def test_a_rotation_shows_the_new_key_once(
    support: Caller, viewer: Caller, gateway: Gateway, key: ApiKey
) -> None:
    action = queued(support, key, "rotate")
    carry_out_key_action(action)
    (fresh,) = set(gateway.keys) - {SECRET, OTHER, THIRD}
    url = f"/api/v1/key-actions/{action}/"
    assert fresh not in support.get(url).content.decode()
    assert viewer.post(f"{url}reveal/").status_code == 403
    assert support.post(f"{url}reveal/").json()["new_key"] == fresh
    assert problem_of(support.post(f"{url}reveal/"), 404) == "nothing_to_show"
    assert not gateway.keys[SECRET]["active"]


def test_the_admin_shows_a_new_key_once_too(
    support: Caller, client: Client, gateway: Gateway, key: ApiKey
) -> None:
    client.force_login(User.objects.create_superuser("root", "root@example.org", "secret"))
    action = queued(support, key, "rotate")
    carry_out_key_action(action)
    (fresh,) = set(gateway.keys) - {SECRET, OTHER, THIRD}
    url = f"/admin/billing/keyaction/{action}/"
    assert fresh not in client.get(f"{url}reveal/").content.decode()
    shown = client.post(f"{url}reveal/")
    assert fresh in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    assert client.post(f"{url}reveal/").status_code == 403
    assert fresh not in client.get(f"{url}change/").content.decode()


def test_an_action_of_the_admin_is_queued_for_the_gateway(
    client: Client, gateway: Gateway, key: ApiKey
) -> None:
    client.force_login(User.objects.create_superuser("root", "root@example.org", "secret"))
    url = f"/admin/billing/apikey/{key.pk}"
    wrong = client.post(f"{url}/suspend/", {"reason": "abuse", "secret": OTHER})
    assert "This is another key." in wrong.content.decode()
    client.post(f"{url}/suspend/", {"reason": "abuse", "secret": SECRET})
    carry_out_key_actions()
    page = client.get(f"{url}/change/").content.decode()
    assert "action: suspend (done)" in page
    assert "abuse · Key suspended" in page
    assert SECRET not in page


def test_a_lost_answer_to_a_rotation_is_not_rotated_again(
    support: Caller, gateway: Gateway, key: ApiKey
) -> None:
    gateway.broken = ["after"]
    action = queued(support, key, "rotate")
    again()
    again()
    assert result(action)[0] == "failed"
    assert gateway.posts() == ["POST /keys/rotate"]


def test_the_key_may_be_given_where_the_gateway_does_not_export(
    support: Caller, gateway: Gateway, key: ApiKey
) -> None:
    gateway.may_export = False
    status, outcome = acted(support, key, "suspend")
    assert status == "failed"
    assert "does not let the portal look the key up: Insufficient permissions" in outcome
    assert acted(support, key, "suspend", key=SECRET) == ("done", "Key suspended")
    wrong = support.post(f"{KEYS}{key.pk}/suspend/", {"reason": "x", "key": OTHER})
    assert list(wrong.json()["errors"]) == ["key"]


def test_a_key_known_by_its_beginning_must_be_the_only_one(
    support: Caller, gateway: Gateway, db: None
) -> None:
    gateway.page = 1
    lone = known(gateway, SECRET, digest=None, mask="")
    assert acted(support, lone, "suspend")[0] == "done"
    gateway.add(SECRET[:12] + "ef" * 20)
    status, outcome = acted(support, lone, "resume")
    assert status == "failed"
    assert "More than one key" in outcome
    gateway.keys.clear()
    assert "has no key" in acted(support, lone, "resume")[1]


def test_actions_on_a_key_go_one_after_the_other(
    support: Caller, gateway: Gateway, key: ApiKey
) -> None:
    first, second = queued(support, key, "suspend"), queued(support, key, "resume")
    carry_out_key_action(second)
    assert result(second)[0] == "queued"
    carry_out_key_actions()
    assert (result(first)[0], result(second)[0]) == ("done", "done")
    assert gateway.posts() == ["POST /keys/suspend", "POST /keys/resume"]


def test_nothing_is_sent_where_the_portal_may_not_connect(
    support: Caller, gateway: Gateway, key: ApiKey, settings: Any
) -> None:
    settings.PAYGATE_GATEWAY_ALLOW_PRIVATE = False
    status, outcome = acted(support, key, "suspend", key=SECRET)
    assert status == "failed"
    assert outcome.startswith("The portal does not connect there: 127.0.0.1 is private")
    assert gateway.asked == []


def test_it_gives_up_in_the_end(support: Caller, gateway: Gateway, key: ApiKey) -> None:
    gateway.stop()
    action = queued(support, key, "suspend")
    for _ in range(20):
        again()
    status, outcome = result(action)
    assert status == "failed"
    assert outcome.startswith("Given up after 20 tries. The gateway cannot be reached")


def test_no_secret_remains(
    support: Caller, gateway: Gateway, key: ApiKey, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    action = queued(support, key, "suspend", key=SECRET)
    assert KeyAction.objects.get().secret == SECRET
    assert SECRET not in dumped()
    carry_out_key_action(action)
    assert KeyAction.objects.get().secret == ""
    queued(support, key, "rotate")
    carry_out_key_actions()
    fresh = KeyAction.objects.get(kind="rotate").secret
    assert fresh in gateway.keys
    assert fresh not in dumped()
    assert not any(secret in caplog.text for secret in (*gateway.keys, ADMIN_KEY))
    KeyAction.objects.update(finished_at=datetime(2026, 1, 1, tzinfo=UTC))
    carry_out_key_actions()
    assert KeyAction.objects.get(kind="rotate").secret == ""


def dumped() -> str:
    """The table of actions as the database has it."""
    with connection.cursor() as cursor:
        cursor.execute("select t::text from billing_keyaction t")
        return str(cursor.fetchall())


@pytest.mark.parametrize(
    ("kind", "given", "field"),
    [
        ("topup", {"credits": 1.5}, "credits"),
        ("transfer", {"credits": 1, "to": 10**9}, "to"),
    ],
)
def test_what_a_gateway_cannot_do_is_refused_at_once(
    support: Caller, key: ApiKey, kind: str, given: dict[str, Any], field: str
) -> None:
    response = support.post(f"{KEYS}{key.pk}/{kind}/", {"reason": "x", **given})
    assert list(response.json()["errors"]) == [field]
    assert not KeyAction.objects.exists()
