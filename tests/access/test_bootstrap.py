"""The first credentials, and tokens made on the command line."""

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from billing.models import AdminToken, Source
from tests.api.callers import EVENTS, Caller, problem_of, received, source

TOKENS = "/api/v1/tokens/"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"PAYGATE_ADMIN_{name}", raising=False)


def run(command: str, *args: str) -> str:
    """What a command prints."""
    out = StringIO()
    call_command(command, *args, stdout=out)
    return out.getvalue()


def bootstrap() -> dict[str, Any]:
    """The one line it prints."""
    (line,) = run("bootstrap").splitlines()
    printed: dict[str, Any] = json.loads(line)
    return printed


def signs_in(name: str, password: str) -> bool:
    """Whether the login page lets somebody in."""
    client = Client()
    client.post("/admin/login/", {"username": name, "password": password})
    return client.get("/admin/").status_code == 200


def test_it_makes_credentials_that_work() -> None:
    made = bootstrap()
    assert made["user"] == "admin"
    assert signs_in("admin", made["password"])
    user = User.objects.get()
    assert user.is_superuser
    assert user.is_staff
    client = Caller(made["token"])
    assert client.get(TOKENS).status_code == 200
    assert client.post(EVENTS, received("p1")).json()["accepted"] == 1
    assert Source.objects.filter(slug="default").exists()


def test_a_second_run_changes_and_shows_nothing() -> None:
    made = bootstrap()
    assert bootstrap() == {"user": None, "password": None, "token": None}
    assert signs_in("admin", made["password"])
    assert AdminToken.objects.count() == 1


def test_a_token_that_was_revoked_does_not_come_back() -> None:
    bootstrap()
    call_command("bootstrap", stdout=StringIO())
    AdminToken.objects.update(revoked_at="2026-01-01T00:00:00Z")
    assert bootstrap()["token"] is None


def test_it_takes_what_the_environment_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYGATE_ADMIN_USER", "olga")
    monkeypatch.setenv("PAYGATE_ADMIN_PASSWORD", "a password of hers")
    monkeypatch.setenv("PAYGATE_ADMIN_TOKEN", "a-key-we-had")
    assert bootstrap() == {"user": None, "password": None, "token": None}
    assert signs_in("olga", "a password of hers")
    assert Caller("a-key-we-had").get(TOKENS).status_code == 200
    assert Caller("a-key-we-had").post(EVENTS, received("p1")).json()["accepted"] == 1
    assert bootstrap() == {"user": None, "password": None, "token": None}
    assert AdminToken.objects.count() == 1


def test_a_given_token_is_made_active_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYGATE_ADMIN_TOKEN", "a-key-we-had")
    bootstrap()
    AdminToken.objects.update(revoked_at="2026-01-01T00:00:00Z", role="viewer")
    assert problem_of(Caller("a-key-we-had").get(TOKENS), 401) == "invalid_token"
    bootstrap()
    assert Caller("a-key-we-had").get(TOKENS).status_code == 200


def test_create_token_prints_a_secret_that_works() -> None:
    source("shop")
    secret = run("create_token", "adapter", "--ingest", "--source", "shop").strip()
    assert Caller(secret).post(EVENTS, received("p1")).json()["accepted"] == 1
    assert problem_of(Caller(secret).get(TOKENS), 403) == "permission_denied"


@pytest.mark.parametrize("args", [[], ["--ingest", "--source", "nobody"]])
def test_create_token_refuses_nonsense(args: list[str]) -> None:
    with pytest.raises(CommandError):
        run("create_token", "x", *args)
