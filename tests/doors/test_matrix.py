"""Every cell of the matrix in docs/access.md, by asking; and that a loosened one is noticed."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.urls import resolve
from rest_framework.permissions import AllowAny

from analytics import live
from analytics.doors.callers import Caller, make_callers
from analytics.doors.knocking import LooserDoor, as_delivered, row_of
from analytics.doors.listing import Door, doors
from analytics.doors.paper import callers_at, read_back, replaced, text_of
from billing.access import gate
from billing.admin.registry import NetworkAdmin
from billing.api.credential_views import TokenViewSet
from billing.models import AdminToken, Payment
from tests.conftest import reset_database
from tests.docs.documents import read

pytestmark = [
    pytest.mark.xdist_group("doors"),  # one database with the callers, not one a process
    pytest.mark.usefixtures("transactional_db"),
]
PAPER = read_back(read("docs/access.md"))


@pytest.fixture(scope="module")
def callers(seeds: None, django_db_blocker: Any) -> Iterator[list[Caller]]:
    """One for each column, committed: the live view reads through a connection of its own."""
    with django_db_blocker.unblock(), as_delivered():
        try:
            yield make_callers()
        finally:
            reset_database()
            connections.close_all()


@pytest.fixture
def transactional_db(callers: list[Caller]) -> None:
    """Commits are real and nothing is reset between tests: a knock undoes what it does."""


@pytest.fixture(scope="module")
def listed(callers: list[Caller]) -> dict[str, Door]:
    """The doors of the running site, by name."""
    return {str(door): door for door in doors()}


def test_the_paper_lists_every_door_and_no_other(listed: dict[str, Door]) -> None:
    assert set(listed) == set(PAPER)
    assert len(PAPER) > 400


@pytest.mark.parametrize("name", sorted(PAPER))
def test_a_door_lets_in_whom_the_paper_says(
    name: str, listed: dict[str, Door], callers: list[Caller]
) -> None:
    door = listed[name]
    assert row_of(door, callers_at(door, callers)) == PAPER[name]


Loosen = Callable[[pytest.MonkeyPatch, Door], None]


def tokens_for_viewers(patch: pytest.MonkeyPatch, door: Door) -> None:
    """A list of credentials is a record like any other."""
    patch.setattr(TokenViewSet, "read_role", "viewer")


def networks_for_all(patch: pytest.MonkeyPatch, door: Door) -> None:
    """A page forgets to ask for the right."""
    patch.setattr(NetworkAdmin, "has_add_permission", lambda *_: True)


def no_gate(patch: pytest.MonkeyPatch, door: Door) -> None:
    """Half sessions count."""
    patch.setattr(gate, "is_owed", lambda *_: False)


def open_live_view(patch: pytest.MonkeyPatch, door: Door) -> None:
    """Whoever has signed in watches."""
    patch.setattr(live, "refusals", lambda _: {})


def any_token(patch: pytest.MonkeyPatch, door: Door) -> None:
    """A token for posting reads too."""
    patch.setattr(AdminToken, "has_role", lambda *_: True)


def one_report_of_many(patch: pytest.MonkeyPatch, door: Door) -> None:
    """The last report of the registry is open to all."""
    view = resolve(door.paths[-1]).func
    patch.setattr(view.cls, "permission_classes", [AllowAny])  # type: ignore[attr-defined]  # a viewset's


@pytest.mark.parametrize(
    ("name", "loosen"),
    [
        ("GET /api/v1/tokens/", tokens_for_viewers),
        ("POST /admin/billing/network/add/", networks_for_all),
        ("GET /admin/billing/payment/", no_gate),
        ("GET /api/docs/", no_gate),
        ("GET /admin/<analysis>", no_gate),
        ("GET /admin/<analysis>", any_token),
        ("WS /ws/live/", open_live_view),
        ("GET /api/v1/analytics/gateway/<report>/", one_report_of_many),
    ],
)
def test_one_loosened_cell_is_noticed(
    name: str,
    loosen: Loosen,
    listed: dict[str, Door],
    callers: list[Caller],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    door = listed[name]
    loosen(monkeypatch, door)
    try:
        row = row_of(door, callers_at(door, callers))
    except LooserDoor:
        return
    assert row != PAPER[name]


def test_asking_leaves_nothing_behind(listed: dict[str, Door], callers: list[Caller]) -> None:
    before = AdminToken.objects.filter(revoked_at=None).count(), User.objects.count()
    for name in ("POST /admin/billing/admintoken/<object_id>/revoke/", "POST /admin/logout/"):
        row_of(listed[name], callers_at(listed[name], callers))
    assert (AdminToken.objects.filter(revoked_at=None).count(), User.objects.count()) == before
    assert Payment.objects.count() == 1


def test_what_is_written_is_what_is_read_back(
    listed: dict[str, Door], callers: list[Caller]
) -> None:
    paper = read("docs/access.md")
    in_order = {name: PAPER[name] for name in listed}
    assert replaced(paper, text_of(in_order, callers)) == paper
