"""What browsers are told, and what becomes of somebody who guesses passwords."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from billing.models import AdminToken
from billing.tokens import issue

STRICT = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
    "base-uri": ["'none'"],
}
ADMIN = STRICT | {
    "script-src": ["'self'", "'unsafe-eval'"],
    "style-src": ["'self'", "'unsafe-inline'"],
}
DOCS = STRICT | {"style-src": ["'self'", "'unsafe-inline'"]}


@pytest.fixture
def member(db: None) -> User:
    """Somebody of the staff, whose password is `correct horse`."""
    return User.objects.create_superuser("member", password="correct horse")


def policy(response: Any) -> dict[str, list[str]]:
    """The directives of a response."""
    parts = [part.split() for part in response["Content-Security-Policy"].split(";")]
    return {name: sources for name, *sources in parts}


def log_in(client: Client, password: str, name: str = "member", **more: str) -> Any:
    """An attempt at the login page."""
    form = {"username": name, "password": password}
    return client.post(reverse("admin:login"), form, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/livez", STRICT),
        ("/api/v1/payments/", STRICT),
        ("/api/docs/", DOCS),
        ("/admin/", ADMIN),
        ("/admin/login/", ADMIN),
        ("/admin/reports/payments/revenue/", ADMIN),
        ("/nowhere", STRICT),
    ],
)
def test_every_answer_has_a_policy_as_strict_as_its_page_allows(
    client: Client, member: User, path: str, expected: dict[str, list[str]]
) -> None:
    client.force_login(member)
    response = client.get(path)
    assert policy(response) == expected
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/admin/", "/admin/reports/", "/api/v1/payments/"])
def test_no_cache_keeps_what_was_asked(client: Client, member: User, path: str) -> None:
    client.force_login(member)
    assert "no-store" in client.get(path)["Cache-Control"]


def test_the_figures_of_one_caller_are_no_others(client: Client, db: None) -> None:
    token = issue(AdminToken(name="reader", role="viewer"))
    headers = {"Authorization": f"Bearer {token}"}
    response = client.get("/api/v1/analytics/payments/", headers=headers)
    assert "private" in response["Cache-Control"]


def test_the_api_browser_has_no_inline_script(client: Client, member: User) -> None:
    client.force_login(member)
    page = client.get("/api/docs/").content.decode()
    scripts = page.split("<script")[1:]
    assert scripts
    assert all(" src=" in script.split(">")[0] for script in scripts)


def test_whoever_guesses_is_locked_out_with_the_right_password_too(
    client: Client, member: User, settings: Any
) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        log_in(client, "guess")
    refused = log_in(client, "correct horse")
    assert refused.status_code == 429
    assert refused["Retry-After"] == "900"
    assert "Nobody can sign in under this name from this address for 15 minutes" in (
        refused.content.decode()
    )
    assert client.get("/admin/").status_code == 302


def test_the_same_person_signs_in_from_another_address(client: Client, member: User) -> None:
    for _ in range(6):
        log_in(client, "guess", REMOTE_ADDR="192.0.2.7")
    assert log_in(client, "correct horse", REMOTE_ADDR="192.0.2.7").status_code == 429
    assert log_in(client, "correct horse", REMOTE_ADDR="192.0.2.8").status_code == 302


def test_an_invented_address_does_not_help(client: Client, member: User) -> None:
    for turn in range(6):
        log_in(client, "guess", HTTP_X_FORWARDED_FOR=f"198.51.100.{turn}")
    last = log_in(client, "correct horse", HTTP_X_FORWARDED_FOR="198.51.100.99")
    assert last.status_code == 429


def test_a_success_forgets_failures_before_it(client: Client, member: User) -> None:
    for _ in range(3):
        log_in(client, "guess")
    assert log_in(client, "correct horse").status_code == 302
    client.logout()
    for _ in range(3):
        log_in(client, "guess")
    assert log_in(client, "correct horse").status_code == 302


def test_the_operator_lifts_a_lock(client: Client, member: User) -> None:
    for _ in range(6):
        log_in(client, "guess")
    call_command("axes_reset", verbosity=0)
    assert log_in(client, "correct horse").status_code == 302


def test_a_new_password_ends_other_sessions(client: Client, member: User) -> None:
    client.force_login(member)
    member.set_password("another horse")
    member.save()
    assert client.get("/admin/").status_code == 302
