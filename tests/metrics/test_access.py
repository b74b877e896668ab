"""Who may scrape."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from tests.api.callers import problem_of, source, token_of


@pytest.fixture(autouse=True)
def _private(settings: LazySettings) -> None:
    settings.PAYGATE_METRICS_NETWORKS = ["10.0.0.0/8"]


def scrape(secret: str = "", address: str = "192.0.2.1") -> Any:
    """Scrape from an address, with a token if given."""
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    return Client().get("/metrics", headers=headers, REMOTE_ADDR=address)


def test_an_allowed_network_needs_no_token() -> None:
    assert scrape(address="10.9.8.7").status_code == 200


def test_others_need_a_token() -> None:
    refused = scrape()
    assert problem_of(refused, 401) == "not_authenticated"
    assert refused["WWW-Authenticate"]
    assert problem_of(scrape("wrong"), 401) == "not_authenticated"
    assert scrape(token_of("viewer")).status_code == 200


def test_a_token_of_one_source_does_not_see_the_sum_of_all() -> None:
    assert problem_of(scrape(token_of("admin", source=source("shop"))), 403) == "permission_denied"


def test_a_token_that_only_posts_does_not_see_them() -> None:
    assert problem_of(scrape(token_of("", can_ingest=True)), 403) == "permission_denied"


def test_it_is_read_only() -> None:
    assert Client().post("/metrics", REMOTE_ADDR="10.9.8.7").status_code == 405
