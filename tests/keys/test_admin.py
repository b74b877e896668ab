"""The admin of keys: found without a secret in an address, looked at, acted upon with a reason."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from billing.models import (
    ApiKey,
    CreditEntry,
    GatewayEvent,
    KeyAction,
    KeyGroup,
    KeyNote,
    Source,
)
from tests.admin.conftest import statements
from tests.api.callers import caller
from tests.keys.conftest import issued, reason, verdict

LIST = "/admin/billing/apikey/"
FULL = re.compile(r"pg_[0-9a-f]{48}")


@pytest.fixture
def staff(db: None, client: Client) -> Client:
    """A superuser's browser."""
    client.force_login(User.objects.create_superuser("root", "root@example.org", "secret"))
    return client


@pytest.fixture
def looker(db: None, client: Client) -> Client:
    """The browser of staff who may look at everything and change nothing."""
    user = User.objects.create_user("looker", "v@example.org", "secret", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(user)
    return client


def page(key: ApiKey) -> str:
    """A key's address."""
    return f"{LIST}{key.pk}/change/"


def shown(client: Client, query: str = "") -> list[str]:
    """The names on a page of the list."""
    response = client.get(LIST + query)
    assert response.status_code == 200
    return [row.name for row in response.context["cl"].result_list]


def ask(client: Client, key: ApiKey, kind: str, **given: Any) -> Any:
    """Fill in and send the form of an action."""
    return client.post(f"{LIST}{key.pk}/{kind}/", {"reason": "they asked", **given})


def test_keys_are_found_exactly_and_never_counted(staff: Client) -> None:
    first = issued(name="alpha", namespace="prod", group_id="g1").key
    KeyGroup.objects.create(source=first.source, group_id="g1", name="starter")
    issued(name="beta", suspended=True)
    issued(name="gamma", source="other", active=False)
    ApiKey.objects.filter(name="beta").update(is_ambiguous=True)
    with statements() as run:
        assert shown(staff) == ["gamma", "beta", "alpha"]
    assert not any("count(" in sql for sql in run)
    for term in ("alpha", first.prefix, first.mask):
        assert shown(staff, f"?q={term}") == ["alpha"]
    assert shown(staff, "?q=alp") == []
    assert shown(staff, "?state=active") == ["alpha"]
    assert shown(staff, "?state=suspended") == ["beta"]
    assert shown(staff, "?state=revoked") == ["gamma"]
    assert shown(staff, "?state=ambiguous") == ["beta"]
    assert shown(staff, "?source=other") == ["gamma"]
    assert shown(staff, "?namespace=prod") == ["alpha"]
    assert shown(staff, "?group=g1") == ["alpha"]


def test_a_pasted_key_is_posted_and_found_by_its_id(staff: Client) -> None:
    made = issued()
    response = staff.post(f"{LIST}find/", {"key": f" {made.secret} "})
    assert response["Location"] == page(made.key)
    unknown = staff.post(f"{LIST}find/", {"key": "pg_" + "0" * 48}, follow=True)
    text = unknown.content.decode()
    assert "pg_0000...0000" in text
    assert not FULL.search(text)


def test_a_key_pasted_into_the_search_is_dropped(staff: Client) -> None:
    made = issued()
    response = staff.get(LIST, {"q": made.secret}, follow=True)
    text = response.content.decode()
    assert response.redirect_chain == [(f"{LIST}find/", 302)]
    assert made.secret not in text
    assert "not looked up" in text


def test_a_key_is_issued_and_shown_once(staff: Client) -> None:
    form = {
        "source": Source.objects.get(slug="default").pk,
        "name": "acme",
        "granted": "12.5",
        "spending_limit": "0",
        "namespace": "prod",
        "group_id": "",
        "tags": "plan=pro\neu=yes",
        "ip_allowlist": "10.0.0.1/8",
        "allowed_tools": "",
        "denied_tools": "draw",
        "expires_at_0": "",
        "expires_at_1": "",
    }
    response = staff.post(f"{LIST}add/", form)
    (secret,) = set(FULL.findall(response.content.decode()))
    assert "no-store" in response["Cache-Control"]
    key = ApiKey.objects.get()
    assert (key.credits, key.namespace, key.tags) == (12.5, "prod", {"plan": "pro", "eu": "yes"})
    assert (key.ip_allowlist, key.denied_tools) == (["10.0.0.0/8"], ["draw"])
    assert CreditEntry.objects.get().actor == "user:root"
    assert reason(caller("support"), secret, ip="10.2.0.1") is None
    for url in (LIST, page(key), f"{LIST}{key.pk}/history/"):
        assert secret not in staff.get(url).content.decode()
    for wrong in ({"namespace": "Prod!"}, {"tags": "x"}, {"group_id": "g"}, {"granted": "-1"}):
        assert staff.post(f"{LIST}add/", form | wrong).status_code == 200
    assert ApiKey.objects.count() == 1


def test_a_keys_page_shows_what_it_rests_on(staff: Client) -> None:
    made = issued("30", tags={"plan": "pro"})
    client = caller("support")
    verdict(client, made.secret, tool="search", credits=4)
    verdict(client, made.secret, tool="draw", credits=99)
    ask(staff, made.key, "topup", credits="10")
    response = staff.get(page(made.key))
    text = response.content.decode()
    evidence = response.context["evidence"]
    assert [(line.kind, line.amount, line.balance) for line in evidence.lines] == [
        ("Top-up", "+10", "36"),
        ("Charge", "-4", "26"),
        ("Grant", "+30", "30"),
    ]
    calls, credits = evidence.charts
    assert len(calls.labels) == 30
    assert [one["values"][-1] for one in calls.series] == [1, 1]
    assert credits.series[0]["values"][-1] == "4"
    (moment,) = evidence.moments
    assert (moment.what, moment.who) == ("action: topup (done)", "user:root")
    assert "they asked · Added 10 credits; the balance is 36." in moment.said
    assert "plan=pro" in text
    assert f"/admin/billing/usageevent/?q={made.key.prefix}" in text


def test_a_gateways_key_shows_its_movements_and_the_opening_left(staff: Client) -> None:
    holder = Source.objects.create(slug="gw", kind="paygate")
    key = ApiKey.objects.create(
        source=holder, name="acme", mask="pg_1234...abcd", credits=70, total_spent=40
    )
    moves = [
        ("key.created", "", "pg_1234...abcd", '{"credits": 50}'),
        ("key.topup", "pg_1234...abcd", "", '{"creditsAdded": 25}'),
        ("key.credits_transferred", "pg_1234...abcd", "pg_9...9", '{"credits": 5}'),
        ("key.topup", "pg_9...9", "", '{"creditsAdded": 999}'),
    ]
    for n, (kind, about, other, metadata) in enumerate(moves):
        GatewayEvent.objects.create(
            source=holder,
            at=datetime(2026, 3, 1, n, tzinfo=UTC),
            type=kind,
            actor="admin",
            metadata=metadata,
            key_mask=about,
            other_mask=other,
            content_hash=bytes([n]),
        )
    evidence = staff.get(page(key)).context["evidence"]
    assert [(line.kind, line.amount) for line in evidence.lines] == [
        ("Calls, in all", "-40"),
        ("key.credits_transferred", "-5"),
        ("key.topup", "+25"),
        ("key.created", "+50"),
        ("Adjustment: opening, derived", "+40"),
    ]
    assert [moment.what for moment in evidence.moments] == [
        "key.credits_transferred",
        "key.topup",
        "key.created",
    ]


def test_actions_ask_first_and_want_a_reason(staff: Client) -> None:
    made = issued("10")
    assert (
        "refused until it is resumed" in staff.get(f"{LIST}{made.key.pk}/suspend/").content.decode()
    )
    assert staff.post(f"{LIST}{made.key.pk}/suspend/", {"reason": ""}).status_code == 200
    assert not ApiKey.objects.get().suspended
    ask(staff, made.key, "suspend")
    assert ApiKey.objects.get().suspended
    record = KeyAction.objects.get()
    assert (record.actor, record.reason, record.outcome) == (
        "user:root",
        "they asked",
        "Suspended.",
    )
    again = ask(staff, made.key, "suspend").wsgi_request
    assert again.method == "POST"
    assert "suspended already" in staff.get(page(made.key)).content.decode()


def test_every_action_has_its_form(staff: Client) -> None:
    made, other = issued("10", tags={"old": "x"}), issued("1", name="other")
    KeyGroup.objects.create(source=made.key.source, group_id="g1", name="starter")
    ask(staff, made.key, "transfer", to=other.key.mask, credits="4")
    ask(staff, made.key, "group", group="g1")
    ask(staff, made.key, "tags", tags="plan=pro")
    ask(staff, made.key, "expiry", expires_at="2099-01-31 12:00")
    key = ApiKey.objects.get(pk=made.key.pk)
    assert (key.credits, key.group_id, key.tags) == (6, "g1", {"plan": "pro"})
    assert key.expires_at == datetime(2099, 1, 31, 12, tzinfo=UTC)
    assert ask(staff, made.key, "transfer", to="nobody", credits="1").status_code == 200
    assert ask(staff, made.key, "tags", tags="nonsense").status_code == 200
    assert ask(staff, made.key, "topup", credits="0").status_code == 200
    ask(staff, made.key, "revoke")
    assert not ApiKey.objects.get(pk=made.key.pk).active


def test_a_rotated_keys_new_secret_is_shown_once(staff: Client) -> None:
    made = issued()
    response = ask(staff, made.key, "rotate")
    (fresh,) = set(FULL.findall(response.content.decode()))
    assert fresh != made.secret
    assert "no-store" in response["Cache-Control"]
    record = KeyAction.objects.get()
    urls = (page(made.key), f"/admin/billing/keyaction/{record.pk}/change/")
    assert not any(FULL.search(staff.get(url).content.decode()) for url in urls)


def test_notes_are_kept_with_their_writer(staff: Client) -> None:
    made = issued()
    staff.post(f"{LIST}{made.key.pk}/note/", {"text": "Called <b>them</b>."})
    note = KeyNote.objects.get()
    assert (note.author, note.text) == ("root", "Called <b>them</b>.")
    assert "Called &lt;b&gt;them&lt;/b&gt;." in staff.get(page(made.key)).content.decode()
    staff.post(f"{LIST}{made.key.pk}/note/", {"text": " "})
    assert KeyNote.objects.count() == 1


def test_who_may_only_look_changes_nothing(looker: Client) -> None:
    made = issued()
    assert looker.get(page(made.key)).status_code == 200
    assert ask(looker, made.key, "suspend").status_code == 403
    assert looker.post(f"{LIST}{made.key.pk}/note/", {"text": "x"}).status_code == 403
    assert looker.post(f"{LIST}add/", {"name": "x"}).status_code == 403
    assert not KeyAction.objects.exists()


def test_groups_of_the_portal_are_edited_and_a_gateways_only_read(staff: Client) -> None:
    holder = Source.objects.get(slug="default")
    url = "/admin/billing/keygroup/"
    form = {
        "source": holder.pk,
        "name": "starter",
        "group_id": "g1",
        "is_active": "on",
        "description": "",
        "allowed_tools": "",
        "denied_tools": "draw",
        "ip_allowlist": "",
        "rate_limit_per_min": "10",
    }
    staff.post(f"{url}add/", form)
    ours = KeyGroup.objects.get()
    assert (ours.group_id, ours.denied_tools, ours.rate_limit_per_min) == ("g1", ["draw"], 10)
    staff.post(f"{url}{ours.pk}/change/", form | {"name": "basic", "group_id": "g2"})
    ours.refresh_from_db()
    assert (ours.name, ours.group_id) == ("basic", "g1")
    theirs = KeyGroup.objects.create(
        source=holder, group_id="g3", name="pro", seen_at=datetime.now(UTC)
    )
    assert staff.get(f"{url}{theirs.pk}/change/").status_code == 200
    assert staff.post(f"{url}{theirs.pk}/change/", form).status_code == 403


FACTS = ("creditentry", "usageevent", "requestlog", "gatewayauditevent", "keyaction", "keynote")


@pytest.mark.parametrize("name", FACTS)
def test_facts_are_only_read_and_never_counted(staff: Client, name: str) -> None:
    made = issued()
    verdict(caller("support"), made.secret)
    with statements() as run:
        assert staff.get(f"/admin/billing/{name}/").status_code == 200
    assert not any(f"from billing_{name}" in sql and "count(" in sql for sql in run)
    assert staff.get(f"/admin/billing/{name}/add/").status_code == 403


def test_ledgers_and_calls_are_searched_by_key(staff: Client) -> None:
    made = issued()
    issued(name="other")
    verdict(caller("support"), made.secret)
    ledger = staff.get("/admin/billing/creditentry/", {"q": made.key.pk})
    assert len(ledger.context["cl"].result_list) == 2
    calls = staff.get("/admin/billing/usageevent/", {"q": made.key.prefix})
    assert len(calls.context["cl"].result_list) == 1
    assert not staff.get("/admin/billing/creditentry/", {"q": "x"}).context["cl"].result_list
