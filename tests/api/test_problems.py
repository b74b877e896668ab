"""Errors are problem details wherever they come from."""

import pytest
from django.conf import LazySettings
from django.db import IntegrityError
from django.test import Client

from billing.api.viewsets import PaymentViewSet
from tests.api.callers import Caller, problem_of


@pytest.mark.parametrize("path", ["/api/v1/nothing/", "/api/nothing", "/api/v1/payments/x/y/"])
def test_an_address_that_does_not_exist(path: str) -> None:
    assert problem_of(Client().get(path), 404) == "not_found"


@pytest.mark.parametrize("key", ["0", "abc", "99999999999999999999999"])
def test_a_record_that_does_not_exist(viewer: Caller, key: str) -> None:
    assert problem_of(viewer.get(f"/api/v1/payments/{key}/"), 404) == "not_found"


def test_a_host_that_is_not_ours() -> None:
    answer = Client().get("/api/v1/payments/", headers={"host": "evil.example"})
    assert problem_of(answer, 400) == "bad_request"


def test_a_representation_that_does_not_exist(viewer: Caller) -> None:
    answer = viewer.client.get(
        "/api/v1/payments/", headers={"X-Admin-Key": viewer.secret, "Accept": "image/png"}
    )
    assert problem_of(answer, 406) == "not_acceptable"


@pytest.mark.parametrize("body", [b"{", b'{"slug": "\xff"}', b"[" * 100_000, b"NaN"])
def test_a_body_that_is_not_json(admin: Caller, body: bytes) -> None:
    assert problem_of(admin.post("/api/v1/sources/", body), 400) == "parse_error"


@pytest.mark.parametrize("body", [[], "text", 1, None])
def test_a_body_that_is_no_object(admin: Caller, body: object) -> None:
    answer = admin.post("/api/v1/sources/", body)
    assert problem_of(answer, 400) == "invalid"
    assert answer.json()["errors"]["non_field_errors"]


def test_errors_have_codes_for_programs(admin: Caller) -> None:
    answer = admin.post("/api/v1/sources/", {"slug": "", "kind": "x"}).json()
    assert answer["error_codes"] == {"slug": ["blank"], "kind": ["invalid_choice"]}


def test_a_body_of_another_type(admin: Caller) -> None:
    answer = admin.post("/api/v1/sources/", b"a=1", content_type="text/plain")
    assert problem_of(answer, 415) == "unsupported_media_type"


def test_a_rule_of_the_database(viewer: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise IntegrityError("a unique name, taken a moment ago")

    monkeypatch.setattr(PaymentViewSet, "list", refuse)
    assert problem_of(viewer.get("/api/v1/payments/"), 409) == "conflict"


def test_a_defect_says_nothing_about_itself(
    viewer: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError("a private matter")

    monkeypatch.setattr(PaymentViewSet, "list", break_down)
    viewer.client.raise_request_exception = False
    answer = viewer.get("/api/v1/payments/")
    assert problem_of(answer, 500) == "server_error"
    assert b"private" not in answer.content


def test_pages_for_people_stay_pages() -> None:
    answer = Client().get("/nothing-here/")
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")


def test_a_rate_that_is_exceeded(viewer: Caller, settings: LazySettings) -> None:
    from billing.api.throttles import TokenThrottle

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TokenThrottle, "rate", "1/day", raising=False)
        assert viewer.get("/api/v1/payments/").status_code == 200
        refused = viewer.get("/api/v1/payments/")
    assert problem_of(refused, 429) == "throttled"
    assert 1 <= int(refused["Retry-After"]) <= 86_400
