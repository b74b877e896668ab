"""Who gets what below /admin: people their pages, clients of the gateway its answers."""

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from analytics.registry import Family, find_report
from billing.api.renderers import exact_json
from billing.models import AdminToken
from billing.tokens import issue

pytestmark = pytest.mark.django_db

SLUG = "credit-distribution"
HERE = f"/admin/{SLUG}"
NOT_FOUND = exact_json({"error": "Not found", "requestId": "r"})


@pytest.fixture
def key(db: None) -> str:
    """A token that reads."""
    cache.clear()
    return issue(AdminToken(name="t", role="viewer"))


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    """A superuser's browser."""
    client.force_login(User.objects.create_superuser("root", "root@example.org", "secret"))
    return client


def test_staff_get_the_page_of_the_report(staff: Client) -> None:
    title = find_report(SLUG, Family.GATEWAY).title
    for accept in ("text/html,*/*;q=0.8", "*/*"):
        response = staff.get(HERE, headers={"Accept": accept})
        assert response.status_code == 200
        assert response["Content-Type"].startswith("text/html")
        assert title in response.content.decode()
        assert not response.has_header("Access-Control-Allow-Origin")


def test_a_key_makes_staff_a_client_of_the_gateway(staff: Client, key: str) -> None:
    response = staff.get(HERE, headers={"Accept": "text/html", "X-Admin-Key": key})
    assert response["Content-Type"] == "application/json"
    assert staff.get(HERE, headers={"X-Admin-Key": "wrong"}).status_code == 401


def test_other_browsers_get_the_login(client: Client) -> None:
    response = client.get(f"{HERE}?source=a", headers={"Accept": "text/html"})
    assert response.status_code == 302
    assert response["Location"] == f"/admin/login/?next={HERE}%3Fsource%3Da"
    client.force_login(User.objects.create_user("member"))
    assert client.get(HERE).status_code == 401


def test_a_key_finds_no_page_of_the_admin(staff: Client, key: str) -> None:
    for where in ("/admin", "/admin/", "/admin/login/", "/admin/reports/", "/admin/backup"):
        response = staff.get(where, headers={"X-Admin-Key": key, "X-Request-Id": "r"})
        assert (response.status_code, response.content) == (404, NOT_FOUND), where
    assert staff.get("/admin/").status_code == 200
    assert staff.get("/administration", headers={"X-Admin-Key": key}).content != NOT_FOUND


def test_people_keep_the_admins_own_answers(staff: Client) -> None:
    html = {"Accept": "text/html"}
    assert staff.get("/admin/nothing-here", headers=html).status_code == 404
    assert staff.get("/admin/nothing-here").status_code == 404
    assert Client().get("/admin/nothing-here", headers=html).status_code == 302
    assert Client().get("/admin/billing/source/").status_code == 302
