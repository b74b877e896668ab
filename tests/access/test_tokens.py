"""Tokens: how they are presented, when they count, and what is stored of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.models import AdminToken
from billing.tokens import find, in_networks, issue, revoke
from tests.api.callers import Caller, problem_of, source, token_of

PAYMENTS = "/api/v1/payments/"


def get(**headers: str) -> Any:
    """A read with the given headers."""
    return Client().get(PAYMENTS, headers={k.replace("_", "-"): v for k, v in headers.items()})


def stored() -> AdminToken:
    """The only token."""
    return AdminToken.objects.get()


def change(**fields: Any) -> None:
    """Change the only token behind the API's back."""
    AdminToken.objects.update(**fields)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_token_may_come_as_bearer(scheme: str) -> None:
    assert get(authorization=f"{scheme} {token_of()}").status_code == 200


def test_a_token_may_come_as_admin_key() -> None:
    assert get(x_admin_key=token_of()).status_code == 200
    assert get(x_admin_key=token_of(), authorization="Basic eDp5").status_code == 200


@pytest.mark.parametrize("text", ["", " ", "pgt_x", "pgt_" + "é" * 9, "x" * 8000])
def test_anything_else_is_a_401_with_a_challenge(text: str) -> None:
    token_of()
    answer = get(authorization=f"Bearer {text}")
    assert problem_of(answer, 401) in ("invalid_token", "not_authenticated")
    assert answer["WWW-Authenticate"] == 'Bearer realm="paygate"'


def test_part_of_a_token_is_no_token() -> None:
    secret = token_of()
    for wrong in (secret[:-1], secret + "x", secret.upper(), secret.split("_", 2)[2]):
        assert problem_of(get(x_admin_key=wrong), 401) == "invalid_token"


def test_the_secret_is_not_stored() -> None:
    secret = token_of()
    with connection.cursor() as cursor:
        cursor.execute("select row_to_json(t)::text from billing_admintoken t")
        row = cursor.fetchone()[0]
    assert secret not in row
    assert secret.split("_", 2)[2] not in row


def test_two_tokens_never_share_a_secret() -> None:
    assert token_of() != token_of()


def test_a_token_ends_when_it_expires() -> None:
    secret = token_of(expires_at=timezone.now() + timedelta(hours=1))
    assert get(x_admin_key=secret).status_code == 200
    change(expires_at=timezone.now() - timedelta(seconds=1))
    assert problem_of(get(x_admin_key=secret), 401) == "invalid_token"


def test_a_revoked_token_is_no_token() -> None:
    secret = token_of()
    revoke(stored())
    assert problem_of(get(x_admin_key=secret), 401) == "invalid_token"


def test_revoking_twice_keeps_the_first_moment() -> None:
    token_of()
    revoke(stored())
    first = stored().revoked_at
    change(revoked_at=datetime(2026, 1, 1, tzinfo=UTC))
    revoke(stored())
    assert first is not None
    assert stored().revoked_at == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("networks", "status"),
    [(["10.0.0.0/8"], 403), (["10.0.0.0/8", "127.0.0.1/32"], 200), (["::1/128"], 403), ([], 200)],
)
def test_a_token_may_be_bound_to_networks(networks: list[str], status: int) -> None:
    answer = get(x_admin_key=token_of(allowed_networks=networks))
    assert answer.status_code == status
    if status == 403:
        assert problem_of(answer, 403) == "network_not_allowed"


@pytest.mark.parametrize(
    ("address", "networks", "is_in"),
    [
        ("10.1.2.3", ["10.0.0.0/8"], True),
        ("::ffff:10.1.2.3", ["10.0.0.0/8"], True),
        ("fd00::1", ["fd00::/8"], True),
        ("11.1.2.3", ["10.0.0.0/8"], False),
        ("", ["0.0.0.0/0"], False),
        ("unix:", ["0.0.0.0/0"], False),
        ("10.1.2.3", [], False),
    ],
)
def test_networks(address: str, networks: list[str], is_in: bool) -> None:
    assert in_networks(address, networks) is is_in


def test_use_is_noted_at_most_once_a_minute() -> None:
    secret = token_of()
    assert stored().last_used_at is None
    get(x_admin_key=secret)
    first = stored().last_used_at
    assert first is not None
    with CaptureQueriesContext(connection) as queries:
        get(x_admin_key=secret)
    assert not [q for q in queries if q["sql"].startswith("UPDATE")]
    earlier = timezone.now() - timedelta(seconds=61)
    change(last_used_at=earlier)
    get(x_admin_key=secret)
    noted = stored().last_used_at
    assert noted is not None
    assert noted > earlier


def test_a_new_pepper_keeps_old_tokens_and_takes_them_over(settings: LazySettings) -> None:
    settings.PAYGATE_TOKEN_PEPPERS = ["first"]
    secret = token_of()
    before = stored().digest
    settings.PAYGATE_TOKEN_PEPPERS = ["second", "first"]
    assert get(x_admin_key=secret).status_code == 200
    assert stored().digest != before
    assert stored().pepper_version == 2
    settings.PAYGATE_TOKEN_PEPPERS = ["second"]
    assert get(x_admin_key=secret).status_code == 200
    settings.PAYGATE_TOKEN_PEPPERS = ["first"]
    assert problem_of(get(x_admin_key=secret), 401) == "invalid_token"


def test_a_rotated_secret_key_keeps_tokens(settings: LazySettings) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "one", []
    secret = token_of()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "two", ["one"]
    assert find(secret.encode()) == stored()
    settings.SECRET_KEY_FALLBACKS = []
    assert find(secret.encode()) is None


def test_an_existing_secret_can_be_adopted() -> None:
    issue(AdminToken(name="gateway", role="viewer"), "the gateway's own kéy")
    wire = "the gateway's own kéy".encode().decode("latin-1")  # as servers hand headers over
    assert get(x_admin_key=wire).status_code == 200


def test_a_token_with_only_ingest_reads_nothing() -> None:
    poster = Caller(token_of("", can_ingest=True))
    assert problem_of(poster.get(PAYMENTS), 403) == "permission_denied"


def test_every_rights_question_is_answered_by_few_queries() -> None:
    reader = Caller(token_of(source=source("shop")))
    reader.get(PAYMENTS)
    with CaptureQueriesContext(connection) as queries:
        reader.get(PAYMENTS)
    assert len(queries) == 2  # the token with its source; the page
