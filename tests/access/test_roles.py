"""Roles: what tokens and members of staff may do."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from tests.api.callers import Caller, caller, problem_of

PAYMENTS = "/api/v1/payments/"
NETWORK = "/api/v1/networks/eip155:8453/"
TOKENS = "/api/v1/tokens/"


@pytest.mark.parametrize(
    ("role", "reads", "registers", "lists_tokens"),
    [
        ("viewer", 200, 403, 403),
        ("finance", 200, 403, 403),
        ("support", 200, 403, 403),
        ("operator", 200, 200, 403),
        ("admin", 200, 200, 200),
    ],
)
def test_each_role_includes_the_ones_before(
    role: str, reads: int, registers: int, lists_tokens: int
) -> None:
    client = caller(role)
    assert client.get(PAYMENTS).status_code == reads
    assert client.send("PATCH", NETWORK, {"name": "Base"}).status_code == registers
    assert client.get(TOKENS).status_code == lists_tokens


def signed_in(*groups: str, **rights: bool) -> Client:
    """A browser in which somebody has signed in."""
    user = User.objects.create(username="somebody", **rights)
    for name in groups:
        user.groups.add(Group.objects.get_or_create(name=name)[0])
    client = Client()
    client.force_login(user)
    return client


def test_superusers_are_admins() -> None:
    client = signed_in(is_superuser=True, is_staff=True)
    assert client.get(TOKENS).status_code == 200


def test_staff_read() -> None:
    client = signed_in("unrelated", is_staff=True)
    assert client.get(PAYMENTS).status_code == 200
    assert problem_of(client.get(TOKENS), 403) == "permission_denied"


def test_staff_have_the_highest_role_that_names_a_group_of_theirs() -> None:
    client = signed_in("finance", "operator", is_staff=True)
    change = client.patch(NETWORK, {"name": "Base"}, content_type="application/json")
    assert change.status_code == 200


def test_users_who_are_not_staff_read_nothing() -> None:
    assert problem_of(signed_in("admin").get(PAYMENTS), 403) == "permission_denied"


def test_writing_in_a_session_needs_the_csrf_token() -> None:
    User.objects.create_superuser("root")
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get())
    answer = client.patch(NETWORK, {"name": "x"}, content_type="application/json")
    assert problem_of(answer, 403) == "permission_denied"


def test_a_token_counts_before_a_session() -> None:
    client = signed_in(is_superuser=True, is_staff=True)
    assert problem_of(client.get(PAYMENTS, headers={"X-Admin-Key": "no"}), 401) == "invalid_token"


def test_strangers_are_told_to_authenticate() -> None:
    answer = Caller("").get(PAYMENTS)
    assert problem_of(answer, 401) == "not_authenticated"
    assert answer["WWW-Authenticate"]
