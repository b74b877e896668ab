"""Secrets go in and never come out; tokens are shown once and revoked; every page opens."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client

from billing import tokens
from billing.models import AdminToken, Source
from tests.admin.conftest import statements
from tests.builders import earned, paid, received, refunded, send

TOKENS = "/admin/billing/admintoken/"
SOURCES = "/admin/billing/source/"
OURS = [
    model
    for model in admin.site._registry
    if model._meta.app_label in ("billing", "analytics", "auth")
]
READ_ONLY = {
    "payment",
    "event",
    "eventconflict",
    "revenuerecord",
    "settlementbatch",
    "batchpayment",
    "ingestreceipt",
    "rejectedevent",
}


def issue(client: Client, **given: Any) -> Any:
    """Send the form of a new token."""
    form = {"name": "ci", "role": "viewer", "allowed_networks": "", **given}
    return client.post(f"{TOKENS}add/", form)


def test_a_new_tokens_secret_is_shown_once_and_works(staff: Client) -> None:
    response = issue(staff, allowed_networks="10.0.0.0/8, 192.168.1.7")
    page = response.content.decode()
    (secret,) = set(re.findall(r"pgt_[0-9a-f]{12}_[\w-]+", page))
    token = AdminToken.objects.get()
    assert tokens.find(secret.encode()) == token
    assert token.allowed_networks == ["10.0.0.0/8", "192.168.1.7/32"]
    assert "no-store" in response.headers["Cache-Control"]
    for url in (TOKENS, f"{TOKENS}{token.pk}/change/", f"{TOKENS}{token.pk}/history/"):
        assert secret not in staff.get(url).content.decode()
    assert secret not in staff.cookies.output()


@pytest.mark.parametrize(
    "given", [{"role": ""}, {"allowed_networks": "not-a-network"}, {"name": ""}]
)
def test_a_token_that_makes_no_sense_is_not_issued(staff: Client, given: dict[str, str]) -> None:
    assert issue(staff, **given).status_code == 200
    assert not AdminToken.objects.exists()


def test_a_revoked_token_stops_working_and_stays_on_record(staff: Client) -> None:
    secret = tokens.issue(AdminToken(name="ci", role="viewer"))
    token = AdminToken.objects.get()
    staff.get(f"{TOKENS}{token.pk}/revoke/")
    assert tokens.find(secret.encode()) == token
    staff.post(f"{TOKENS}{token.pk}/revoke/")
    assert tokens.find(secret.encode()) is None
    assert "Revoked" in staff.get(TOKENS).content.decode()


def test_staff_who_may_only_look_neither_issue_nor_revoke(viewer: Client) -> None:
    tokens.issue(AdminToken(name="ci", role="viewer"))
    token = AdminToken.objects.get()
    assert issue(viewer).status_code == 403
    assert viewer.post(f"{TOKENS}{token.pk}/revoke/").status_code == 403
    assert AdminToken.objects.get().revoked_at is None


def save_source(client: Client, source: Source, **given: str) -> Any:
    """Send the form of a source."""
    return client.post(f"{SOURCES}{source.pk}/change/", {"name": "Shop", "base_url": "", **given})


def test_a_sources_secrets_are_rotated_and_never_shown(staff: Client) -> None:
    source = Source.objects.get(slug="default")
    assert "not set" in staff.get(f"{SOURCES}{source.pk}/change/").content.decode()
    save_source(staff, source, new_signing_secret="first-secret", new_admin_key="the-admin-key")
    save_source(staff, source, new_signing_secret="second-secret")
    save_source(staff, source)
    source.refresh_from_db()
    assert source.signing_secrets() == ["second-secret", "first-secret"]
    assert source.admin_key == "the-admin-key"
    pages = [SOURCES, f"{SOURCES}{source.pk}/change/", f"{SOURCES}{source.pk}/history/"]
    shown = "".join(staff.get(url).content.decode() for url in pages)
    assert not re.search("first-secret|second-secret|the-admin-key", shown)
    save_source(staff, source, remove_previous_secret="on")
    source.refresh_from_db()
    assert source.signing_secrets() == ["second-secret"]
    save_source(staff, source, remove_signing="on")
    source.refresh_from_db()
    assert source.signing_secrets() == []


def test_a_new_source_is_added_with_its_secret(staff: Client) -> None:
    form = {"slug": "shop", "name": "", "kind": "paygate", "base_url": ""}
    staff.post(f"{SOURCES}add/", {**form, "new_signing_secret": "s3cret"})
    assert Source.objects.get(slug="shop").signing_secrets() == ["s3cret"]


@pytest.fixture
def facts(db: None) -> None:
    """A row in most tables."""
    send(
        paid("p1", "2026-03-10T10:00:00Z", transaction="0x01"),
        received("p2", "2026-03-10T10:01:00Z"),
        refunded("p1", "2026-03-10T11:00:00Z"),
        earned("e1", "2026-03-10T10:00:00Z", "premium", "5"),
        {
            "type": "batch:settled",
            "data": {
                "batchId": "b1",
                "paymentIds": ["p1"],
                "gasUsed": "21000",
                "network": "base",
                "timestamp": "2026-03-10T10:05:00Z",
            },
        },
    )


def name_of(model: Any) -> str:
    """The start of a model's address."""
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


@pytest.mark.parametrize("model", OURS, ids=str)
def test_every_list_and_record_opens(staff: Client, facts: None, model: Any) -> None:
    assert staff.get(name_of(model)).status_code == 200
    for row in model.objects.all()[:1]:
        assert staff.get(f"{name_of(model)}{row.pk}/change/").status_code == 200


@pytest.mark.parametrize(
    "model", [model for model in OURS if model._meta.model_name in READ_ONLY], ids=str
)
def test_facts_are_never_counted_added_changed_or_deleted(
    staff: Client, facts: None, model: Any
) -> None:
    with statements() as run:
        staff.get(name_of(model))
    assert run
    assert not [sql for sql in run if "count(" in sql]
    assert staff.get(f"{name_of(model)}add/").status_code == 403
    for row in model.objects.all()[:1]:
        assert staff.post(f"{name_of(model)}{row.pk}/change/", {}).status_code == 403
        assert staff.post(f"{name_of(model)}{row.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("model", OURS, ids=str)
def test_users_without_a_right_see_nothing(client: Client, db: None, model: Any) -> None:
    client.force_login(User.objects.create_user("new", "n@example.org", "x", is_staff=True))
    assert client.get(name_of(model)).status_code == 403
