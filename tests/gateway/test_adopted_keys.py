"""A gateway's own admin key opens the drop-in: it is a token from the moment it is saved."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from billing.models import AdminToken, Source
from billing.tokens import issue, revoke
from tests.api.callers import Caller, caller

pytestmark = pytest.mark.django_db

SOURCES = "/api/v1/sources/"
HERE = "/admin/credit-distribution"


@pytest.fixture(autouse=True)
def _counters(db: None) -> None:
    cache.clear()


@pytest.fixture
def api() -> Caller:
    return caller("admin")


def status(key: str, **query: str) -> int:
    """What the drop-in says to a key."""
    return Client().get(HERE, query, headers={"X-Admin-Key": key}).status_code


def make(api: Caller, slug: str, **fields: str) -> Any:
    return api.post(SOURCES, {"slug": slug, "kind": "paygate", **fields})


def change(api: Caller, slug: str, **fields: str) -> None:
    answer = api.send("PATCH", f"{SOURCES}{slug}/", fields)
    assert answer.status_code == 200


def test_the_key_is_a_viewers_token_of_its_source(api: Caller) -> None:
    assert status("first") == 401
    assert make(api, "one", admin_key="first").status_code == 201
    make(api, "two")
    assert status("first") == 200
    assert status("first", source="two") == 403
    (token,) = AdminToken.objects.filter(name="gateway admin key")
    assert (token.role, token.can_ingest, token.source) == (
        *("viewer", False),
        Source.objects.get(slug="one"),
    )
    assert Caller("first").get("/api/v1/analytics/payments/").status_code == 200


def test_a_new_key_ends_the_old_one_and_a_former_one_comes_back(api: Caller) -> None:
    make(api, "one", admin_key="first")
    change(api, "one", admin_key="second")
    assert (status("first"), status("second")) == (401, 200)
    change(api, "one", admin_key="first")
    assert (status("first"), status("second")) == (200, 401)
    change(api, "one", admin_key="")
    assert (status("first"), status("second")) == (401, 401)


def test_what_staff_revoked_stays_revoked_until_the_key_is_written_again(api: Caller) -> None:
    make(api, "one", admin_key="first")
    revoke(AdminToken.objects.get(name="gateway admin key"))
    change(api, "one", name="Gateway One")
    assert status("first") == 401
    change(api, "one", admin_key="first")
    assert status("first") == 200


def test_only_a_gateways_key_is_one(api: Caller) -> None:
    make(api, "shop", kind="facilitator", admin_key="first")
    assert status("first") == 401
    change(api, "shop", kind="paygate")
    assert status("first") == 200
    change(api, "shop", kind="facilitator")
    assert status("first") == 401


def test_a_key_that_is_a_token_already_keeps_its_rights(api: Caller) -> None:
    other = AdminToken(name="poster", can_ingest=True, source=Source.objects.get(slug="default"))
    secret = issue(other)
    assert make(api, "one", admin_key=secret).status_code == 201
    assert status(secret) == 401
    assert not AdminToken.objects.filter(name="gateway admin key").exists()
    make(api, "two", admin_key="shared")
    make(api, "three", admin_key="shared")
    (token,) = AdminToken.objects.filter(name="gateway admin key")
    assert token.source == Source.objects.get(slug="two")


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root", "root@example.org", "secret"))
    return client


def save(staff: Client, source: Source, **fields: str) -> str:
    """What the page says after the form of a source was sent."""
    form = {"name": "", "base_url": "https://gateway.example", "new_signing_secret": "", **fields}
    where = f"/admin/billing/source/{source.pk}/change/"
    response = staff.post(where, {"new_admin_key": "", **form}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_the_admin_makes_and_ends_it_too(staff: Client) -> None:
    source = Source.objects.create(slug="one", kind="paygate")
    page = save(staff, source, new_admin_key="from the form")
    assert "from the form" not in page
    assert status("from the form") == 200
    save(staff, source, name="Gateway One")
    assert status("from the form") == 200
    save(staff, source, remove_admin_key="on")
    assert status("from the form") == 401
    source.refresh_from_db()
    assert source.admin_key == ""


def test_the_admin_says_when_the_key_is_a_token_already(staff: Client) -> None:
    source = Source.objects.create(slug="one", kind="paygate")
    secret = issue(AdminToken(name="mine", role="viewer"))
    assert "The admin key is a token already" in save(staff, source, new_admin_key=secret)


def test_without_any_gateway_the_drop_in_answers_empty() -> None:
    key = issue(AdminToken(name="t", role="viewer"))
    response = Client().get(HERE, headers={"X-Admin-Key": key})
    assert json.loads(response.content)["buckets"] == []
