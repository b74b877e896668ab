"""What a hostile caller or gateway might try with keys issued here."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from billing.keys.actions import Asked, act
from billing.models import ApiKey, KeyAction, KeyGroup, Source, ToolPrice
from tests.api.callers import Caller, caller
from tests.keys.conftest import KEYS, VERIFY, issued, reason, verdict

pytestmark = pytest.mark.django_db


def test_a_price_below_zero_pays_nobody(support: Caller) -> None:
    source = Source.objects.get(slug="default")
    ToolPrice.objects.create(source=source, tool="gift", credits_per_call=-5)
    made = issued("10")
    assert verdict(support, made.secret, "gift")["credits_charged"] == 0
    assert ApiKey.objects.get().credits == 10


def test_what_is_no_network_in_a_groups_list_holds_no_address(support: Caller) -> None:
    source = Source.objects.get(slug="default")
    for group, networks in (("some", ["office", "10.0.0.0/8"]), ("none", ["office"])):
        KeyGroup.objects.create(source=source, group_id=group, name=group, ip_allowlist=networks)
    some, none = issued(group_id="some"), issued(group_id="none")
    assert reason(support, some.secret, ip="10.1.1.1") is None
    assert reason(support, some.secret, ip="11.1.1.1") == (
        "ip_not_allowed: 11.1.1.1 not in allowlist"
    )
    assert reason(support, none.secret, ip="10.1.1.1") == (
        "ip_not_allowed: 10.1.1.1 not in allowlist"
    )


@pytest.mark.parametrize(
    ("address", "is_in"),
    [("10.1.1.1", True), ("::ffff:10.1.1.1", True), ("11.1.1.1", False), ("::1", False)],
)
def test_an_ipv4_network_may_be_written_as_an_ipv6_one(
    support: Caller, address: str, is_in: bool
) -> None:
    asked = {"name": "mapped", "credits": 5, "ip_allowlist": ["::ffff:10.0.0.0/104"]}
    key = support.post(KEYS, asked).json()["key"]
    assert (reason(support, key, ip=address) is None) is is_in


def test_a_key_of_another_source_is_as_if_it_were_not_there(db: None) -> None:
    own, foreign = issued(source="own"), issued(source="foreign")
    client = caller("support", source=own.key.source)
    path = f"{KEYS}{own.key.pk}/transfer/"
    answers = [
        client.post(path, {"reason": "r", "credits": 1, "to": to})
        for to in (foreign.key.pk, foreign.key.pk + 1_000)
    ]
    assert [answer.status_code for answer in answers] == [409, 409]
    assert answers[0].content == answers[1].content


def test_a_token_of_a_source_reaches_no_key_of_another(db: None) -> None:
    own, foreign = issued(source="own"), issued(source="foreign")
    act(foreign.key, Asked("suspend", "user:root", "r"))
    done = KeyAction.objects.get()
    client = caller("admin", source=own.key.source, can_ingest=True)
    for kind in ("suspend", "resume", "revoke", "rotate"):
        assert client.post(f"{KEYS}{foreign.key.pk}/{kind}/", {"reason": "r"}).status_code == 404
    assert client.post(f"/api/v1/key-actions/{done.pk}/reveal/", {}).status_code == 404
    assert client.get("/api/v1/key-actions/", key=foreign.key.pk).json()["results"] == []
    assert client.get("/api/v1/credit-entries/", key=foreign.key.pk).json()["results"] == []
    assert client.get(KEYS, source="foreign").json()["results"] == []
    named = {"source": "foreign", "key": foreign.secret, "tool": "t"}
    assert client.post(VERIFY, named).status_code == 403
    assert reason(client, foreign.secret) == "invalid_api_key"


def test_a_key_in_full_is_kept_nowhere_wherever_it_is_pasted(support: Caller) -> None:
    secret = issued("10").secret
    support.post(KEYS, {"name": secret, "tags": {"a": secret}, "denied_tools": [secret]})
    asked = {"key": secret, "tool": f"a{secret}", "request_id": secret}
    first = support.post(VERIFY, asked)
    assert first.json()["allowed"]
    assert support.post(VERIFY, asked).json() == first.json()
    assert ApiKey.objects.get(name="acme").credits == 9
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            text = f'select count(*) from "{table}" t where t::text like %s'  # noqa: S608 - catalog
            cursor.execute(text, [f"%{secret}%"])
            assert cursor.fetchone() == (0,), table


LINE = (
    "insert into billing_creditentry"
    " (key_id, at, kind, amount, balance_before, balance_after, tool, memo, actor)"
    " select id, now(), 'topup', '{amount}', credits, '{amount}', '', '', '' from billing_apikey"
)


@pytest.mark.parametrize(
    "statement",
    [
        "select set_config('billing.ledger_writes', (select id::text from billing_apikey), true);"
        " update billing_apikey set credits = 99",
        "update billing_apikey set credits = 'NaN'",
        LINE.format(amount="NaN"),
        LINE.format(amount="Infinity"),
        "truncate billing_creditentry cascade",
        "truncate billing_keyverification",
    ],
)
def test_the_ledger_is_not_evaded(support: Caller, statement: str) -> None:
    made = issued("10")
    verdict(support, made.secret, credits=0, request_id="once")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"set constraints all immediate; {statement}")
    assert ApiKey.objects.get().credits == 10


@pytest.mark.parametrize("body", [b"[]", b"null", b"[" * 5_000, b"\xff", b'{"key":{},"tool":[]}'])
def test_a_body_that_makes_no_sense_is_400(support: Caller, body: Any) -> None:
    assert support.post(VERIFY, body).status_code == 400
