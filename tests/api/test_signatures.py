"""Signed events: X-PayGate-Signature."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.callers import EVENTS, Caller, problem_of, received, source

BODY = json.dumps(received("p1")).encode()


def signed(secret: str, body: bytes = BODY, age: int = 0) -> str:
    """A header made as the documentation says, independently of the portal's own code."""
    moment = int(time.time()) - age
    mac = hmac.new(secret.encode(), str(moment).encode() + b"." + body, hashlib.sha256)
    return f"t={moment},v1={mac.hexdigest()}"


def post(header: str, slug: str = "shop", body: bytes = BODY) -> Any:
    """Post with a signature and without a token."""
    return Caller("").post(f"{EVENTS}?source={slug}", body, headers={"X-PayGate-Signature": header})


@pytest.fixture(autouse=True)
def _shop(db: None) -> None:
    source("shop", signing_secret="new", previous_signing_secret="old")
    source("open")


@pytest.mark.parametrize("secret", ["new", "old"])
def test_it_takes_events_signed_with_either_secret(secret: str) -> None:
    answer = post(signed(secret))
    assert answer.status_code == 200
    assert answer.json()["accepted"] == 1


def test_it_takes_any_of_several_signatures() -> None:
    moment, good = signed("new").split(",")
    assert post(f"{moment},v1={'0' * 64},{good}").status_code == 200


@pytest.mark.parametrize("age", [-299, 240])  # it ages on its way: a minute for a slow machine
def test_it_takes_clocks_that_differ_by_less_than_five_minutes(age: int) -> None:
    assert post(signed("new", age=age)).status_code == 200


@pytest.mark.parametrize(
    ("header", "slug"),
    [
        (lambda: signed("wrong"), "shop"),
        (lambda: signed("new"), "nobody"),
        (lambda: signed("new"), "open"),
        (lambda: signed(""), "open"),
        (lambda: signed("new", age=301), "shop"),
        (lambda: signed("new", age=-360), "shop"),
        (lambda: signed("new", body=b"{}"), "shop"),
        (lambda: "", "shop"),
        (lambda: "t=,v1=", "shop"),
        (lambda: "t=abc,v1=é", "shop"),
        (lambda: signed("new").split(",")[1], "shop"),
        (lambda: signed("new").split(",")[0], "shop"),
        (lambda: signed("new"), ""),
    ],
)
def test_it_refuses_all_else_with_the_same_answer(header: Callable[[], str], slug: str) -> None:
    answer = post(header(), slug)  # made now: a signature ages
    assert problem_of(answer, 401) == "invalid_signature"
    assert answer.json()["detail"] == "The signature does not fit."
    assert answer["WWW-Authenticate"]


def test_it_refuses_a_large_body_before_checking_it() -> None:
    body = b" " * (16 * 1024 * 1024 + 1)
    assert problem_of(post(signed("new", body), body=body), 413) == "body_too_large"


def test_a_signature_reads_nothing() -> None:
    answer = Caller("").client.get(
        f"{EVENTS}?source=shop", headers={"X-PayGate-Signature": signed("new", b"")}
    )
    assert problem_of(answer, 401) == "not_authenticated"


def test_a_producer_posts_for_itself_only() -> None:
    body = json.dumps(received("p1") | {"source": "open"}).encode()
    answer = post(signed("new", body), body=body).json()
    assert answer["results"][0]["code"] == "foreign_source"
