"""Keys issued here, and clients that use them."""

from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache

from billing.keys.issue import Issued, issue_key
from billing.models import Source
from tests.api.callers import Caller, caller

KEYS = "/api/v1/keys/"
VERIFY = f"{KEYS}verify/"


@pytest.fixture(autouse=True)
def _counters() -> None:
    cache.clear()


@pytest.fixture
def support(db: None) -> Caller:
    """A client that manages keys."""
    return caller("support")


@pytest.fixture
def viewer(db: None) -> Caller:
    """A client that reads."""
    return caller("viewer")


def issued(credits: str = "100", source: str = "default", **fields: Any) -> Issued:
    """A new key of a source."""
    holder = Source.objects.get_or_create(slug=source)[0]
    return issue_key(holder, "user:root", Decimal(credits), **{"name": "acme", **fields})


def verdict(client: Caller, key: str, tool: str = "search", **given: Any) -> Any:
    """The answer to a call that is checked."""
    response = client.post(VERIFY, {"key": key, "tool": tool, **given})
    assert response.status_code == 200, response.content
    return response.json()


def reason(client: Caller, key: str, tool: str = "search", **given: Any) -> str | None:
    """Why a call is refused, or None."""
    answer = verdict(client, key, tool, **given)
    assert answer["allowed"] is ("reason" not in answer)
    found: str | None = answer.get("reason")
    return found
