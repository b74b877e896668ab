"""Roles as groups: what the command makes, and what their members may do."""

from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client, RequestFactory

from billing.access.roles import permissions_of
from billing.models import ApiKey, Event, Network
from billing.models.tokens import Role
from tests.access.phone import enrolled
from tests.api.callers import problem_of, received, source

NAMES = ["viewer", "finance", "support", "operator", "admin", "ingest"]
USERS = "/admin/auth/user/"


def seed(*args: str) -> str:
    """What the command says."""
    out = StringIO()
    call_command("seed_roles", *args, stdout=out)
    return out.getvalue().strip()


@pytest.fixture
def groups(db: None) -> None:
    """The roles as they are delivered."""
    seed()


def member(*names: str) -> tuple[User, Client]:
    """Somebody of the staff in these groups, signed in."""
    user = User.objects.create_user("-".join(names) or "nobody", is_staff=True)
    user.groups.set(Group.objects.filter(name__in=names))
    client = Client()
    client.force_login(user)
    return user, client


def labels_of(name: str) -> set[str]:
    """A group's permissions as the database has them."""
    rows = Permission.objects.filter(group__name=name)
    return {
        f"{app}.{code}" for app, code in rows.values_list("content_type__app_label", "codename")
    }


def test_it_makes_six_groups_and_does_nothing_the_second_time(db: None) -> None:
    assert seed() == f"Set: {', '.join(NAMES)}."
    before = {name: labels_of(name) for name in NAMES}
    assert seed() == "All as they should be."
    assert {name: labels_of(name) for name in NAMES} == before
    assert sorted(Group.objects.values_list("name", flat=True)) == sorted(NAMES)


def test_each_role_has_the_permissions_of_the_one_before(groups: None) -> None:
    ordered = [labels_of(name) for name in Role.values]
    assert all(less <= more for less, more in pairwise(ordered))
    assert labels_of("support") - labels_of("finance") == {
        "billing.add_apikey",
        "billing.change_apikey",
        "billing.add_keynote",
        "billing.add_keygroup",
        "billing.change_keygroup",
    }
    assert labels_of("ingest") == set()


def test_viewers_change_nothing_and_see_no_credentials(groups: None) -> None:
    given = labels_of("viewer")
    assert "billing.view_payment" in given
    assert "notify.view_alert" in given
    assert "analytics.view_dailystat" in given
    assert all(label.split(".")[1].startswith("view_") for label in given)
    assert not given & {"billing.view_admintoken", "billing.view_authenticator", "auth.view_user"}


def test_what_was_changed_by_hand_is_set_right_or_left_alone_as_asked(groups: None) -> None:
    viewers = Group.objects.get(name="viewer")
    viewers.permissions.add(Permission.objects.get(codename="change_user"))
    assert seed("--only-missing") == "All as they should be."
    assert "auth.change_user" in labels_of("viewer")
    assert seed() == "Set: viewer."
    assert "auth.change_user" not in labels_of("viewer")


SUPERUSERS = {  # nobody's role: rights over rights, and what must not be undone
    *("auth.add_group", "auth.change_group", "auth.delete_group", "auth.delete_user"),
    *("axes.change_accessattempt", "axes.change_accesslog", "axes.delete_accesslog"),
    *("axes.change_accessfailurelog", "axes.delete_accessfailurelog"),
}


def test_whatever_the_admin_can_do_is_given_to_a_role_or_to_superusers(groups: None) -> None:
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_active=True, is_staff=True)
    possible = set()
    for model, page in admin.site._registry.items():
        app, name = model._meta.app_label, model._meta.model_name
        for verb in ("add", "change", "delete"):
            if getattr(page, f"has_{verb}_permission")(request):
                possible.add(f"{app}.{verb}_{name}")
    assert possible - labels_of("admin") == SUPERUSERS


def test_bootstrap_makes_them(db: None) -> None:
    call_command("bootstrap", stdout=StringIO())
    assert labels_of("operator") == {
        f"{row.content_type.app_label}.{row.codename}" for row in permissions_of("operator")
    }


def test_who_has_the_scope_ingest_posts_to_the_default_source_only(groups: None) -> None:
    source("default")
    source("shop")
    _, client = member("ingest")
    where = "/api/v1/events/"
    answer = client.post(where, received("p1"), content_type="application/json")
    assert answer.json()["accepted"] == 1
    foreign = client.post(f"{where}?source=shop", received("p2"), content_type="application/json")
    assert problem_of(foreign, 403) == "foreign_source"
    assert Event.objects.count() == 1


def test_no_role_posts_events(groups: None) -> None:
    for name in Role.values:
        _, client = member(name)
        answer = client.post("/api/v1/events/", received("p1"), content_type="application/json")
        assert problem_of(answer, 403) == "permission_denied"


@pytest.mark.parametrize(("name", "status"), [("finance", 403), ("support", 200)])
def test_support_issues_keys_in_the_admin(groups: None, name: str, status: int) -> None:
    _, client = member(name)
    form = {
        "source": source("default").pk,
        "name": "acme",
        "namespace": "default",
        "granted": "5",
        "spending_limit": "0",
    }
    answer = client.post("/admin/billing/apikey/add/", form)
    assert answer.status_code == status
    assert ApiKey.objects.filter(name="acme").exists() is (status == 200)


@pytest.mark.parametrize("name", ["support", "operator"])
def test_operators_register_networks_in_the_admin(groups: None, name: str) -> None:
    network = Network.objects.get(chain_id="eip155:8453")
    form = {
        "name": "Our Base",
        "is_registered": "on",
        "native_symbol": "ETH",
        "native_decimals": "18",
        "explorer_url": "",
        "default_asset": network.default_asset,
    }
    _, client = member(name)
    client.post(f"/admin/billing/network/{network.pk}/change/", form)
    network.refresh_from_db()
    assert (network.name == "Our Base") is (name == "operator")


def form_of(user: User, **more: Any) -> dict[str, Any]:
    """The form of a user's page as a browser sends it."""
    return {
        "username": user.username,
        "is_active": "on",
        "is_staff": "on",
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
        **more,
    }


def test_admins_manage_staff_but_make_nobody_a_superuser(groups: None) -> None:
    admins, client = member("admin")
    other, _ = member("viewer")
    support = Group.objects.get(name="support")
    right = Permission.objects.get(codename="change_group")
    form = form_of(other, is_superuser="on", groups=[support.pk], user_permissions=[right.pk])
    assert client.post(f"{USERS}{other.pk}/change/", form).status_code == 302
    other.refresh_from_db()
    assert list(other.groups.all()) == [support]
    assert not other.is_superuser
    assert not other.user_permissions.exists()
    client.post(f"{USERS}{admins.pk}/change/", form_of(admins, is_superuser="on"))
    admins.refresh_from_db()
    assert not admins.is_superuser


def test_admins_change_no_superuser(groups: None) -> None:
    root = User.objects.create_superuser("root", password="correct horse")
    _, client = member("admin")
    assert client.post(f"{USERS}{root.pk}/change/", form_of(root, email="x@y.z")).status_code == 403
    form = {"password1": "ab12cd34ef", "password2": "ab12cd34ef", "usable_password": "true"}
    assert client.post(f"{USERS}{root.pk}/password/", form).status_code == 403
    root.refresh_from_db()
    assert root.check_password("correct horse")
    assert root.email == ""


def test_admins_make_no_groups(groups: None) -> None:
    _, client = member("admin")
    assert client.get("/admin/auth/group/").status_code == 200
    assert client.post("/admin/auth/group/add/", {"name": "gods"}).status_code == 403


def test_superusers_still_give_rights(groups: None) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    other, _ = member("viewer")
    client.post(f"{USERS}{other.pk}/change/", form_of(other, is_superuser="on"))
    other.refresh_from_db()
    assert other.is_superuser


def test_the_list_of_staff_shows_who_has_a_second_factor(groups: None) -> None:
    other, _ = member("viewer")
    enrolled(other)
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    rows = client.get(USERS).context["cl"].result_list
    assert {row.username: row.has_factor for row in rows} == {"viewer": True, "root": False}
