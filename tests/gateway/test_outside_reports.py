"""The gateway's analyses outside /admin: as recorded, and how one key is named."""

import json
from typing import Any

import pytest
from rest_framework.exceptions import ValidationError

from billing.models import ApiKey
from tests.api.callers import caller
from tests.gateway.conftest import GOLDEN, NOW, said
from tests.gateway.small import ask, call, key, mask, small_gateway
from tests.gateway.test_golden import answered

pytestmark = pytest.mark.django_db

OF_ONE_KEY = ("keys-usage", "keys-activity", "keys-credit-history", "keys-health")
SECRETS = {
    record["name"]: record["key"]
    for record in json.loads((GOLDEN / "backup.json").read_bytes())["data"]["keys"]
}
KEYS = [
    (slug, name) for slug in ("keys-usage", "keys-credit-history") for name in said("exports", slug)
]


def compact(value: Any) -> bytes:
    """As gateways write it; some of the recorded answers are indented."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("analytics", {"from": "2026-02-15T00:00:00.000Z"}),
        ("tools-stats", {}),
        ("tools-stats__tool=search", {"tool": "search"}),
        ("keys-stats", {}),
        ("namespaces", {}),
    ],
)
def test_the_answer_is_the_recorded_one(name: str, query: dict[str, str], golden: str) -> None:
    slug = name.partition("__")[0]
    assert answered(slug, golden, NOW, **query) == compact(said("exports", name))


@pytest.mark.parametrize(("slug", "name"), KEYS)
def test_the_answer_about_a_key_is_the_recorded_one(slug: str, name: str, golden: str) -> None:
    recorded = said("exports", slug)[name]
    assert answered(slug, golden, NOW, key=SECRETS[name][:10]) == compact(recorded)


@pytest.mark.parametrize("slug", OF_ONE_KEY)
def test_a_key_is_named_by_mask_beginning_or_number(slug: str) -> None:
    small_gateway([key(1), key(2)], [call(1), call(2), call(2)])
    number = str(ApiKey.objects.get(name="key-2").pk)
    names = (mask(2), "pg_0000002", "pg_0000002...", number)
    answers = [ask(slug, key=name) for name in names]
    assert answers == [answers[0]] * len(names)
    assert answers[0]["name"] == "key-2"
    assert answers[0] != ask(slug, key=mask(1))


@pytest.mark.parametrize("slug", OF_ONE_KEY)
@pytest.mark.parametrize(
    ("name", "code"),
    [
        (str(key(1)["key"]), "whole_key"),
        ("something else that is long", "whole_key"),
        ("pg_fffffff", "unknown_key"),
        ("987654321987654321", "unknown_key"),
        ("pg_0000007", "ambiguous_key"),
    ],
)
def test_a_key_that_cannot_be_told_is_refused(slug: str, name: str, code: str) -> None:
    twin = {"key": "pg_0000007" + "e" * 41, "name": "twin"}
    small_gateway([key(1), key(7), key(7) | twin])
    with pytest.raises(ValidationError) as refused:
        ask(slug, key=name)
    assert refused.value.get_codes() == {"key": [code]}
    assert name not in str(refused.value.detail)


def test_a_whole_key_in_the_address_is_refused_without_being_repeated() -> None:
    small_gateway([key(1)])
    secret = str(key(1)["key"])
    response = caller("viewer").get("/api/v1/analytics/gateway/keys-usage/", key=secret)
    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["key"]
    assert secret not in response.content.decode()


@pytest.mark.parametrize("slug", OF_ONE_KEY)
def test_keys_of_other_gateways_are_unknown(slug: str) -> None:
    small_gateway([key(1)])
    small_gateway([key(2)], slug="other")
    with pytest.raises(ValidationError, match="no such key"):
        ask(slug, key=mask(2))
    assert ask(slug, key=mask(2), source="other")["name"] == "key-2"


@pytest.mark.parametrize("slug", OF_ONE_KEY)
def test_without_a_key_the_answer_is_of_none(slug: str) -> None:
    small_gateway([key(1)], [call(1)])
    answer = ask(slug)
    assert (answer["key"], answer["name"]) == (None, None)
    assert {value for value in answer.values() if isinstance(value, int)} <= {0, 50}


def test_outside_reports_are_no_addresses_of_the_gateway() -> None:
    response = caller("viewer").client.get("/admin/keys-stats", headers={"X-Admin-Key": "any"})
    assert response.status_code == 404
