"""The webhook receiver: what it answers, what counts, what is kept."""

import json
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.models import (
    ApiKey,
    GatewayEvent,
    IngestReceipt,
    RejectedEvent,
    Source,
    UsageEvent,
    WebhookDelivery,
)
from tests.gateway.conftest import gateway, recorded
from tests.gateway.hook import DELIVERIES, SECRET, call, created, deliver, happened, signed

AT = "2026-01-05T10:00:00.000Z"


@pytest.fixture
def source(db: None) -> Source:
    """A gateway with a secret."""
    found = gateway("gw")
    found.signing_secret, found.previous_signing_secret = SECRET, "before"
    found.save()
    return found


def key(mask: str = "pg_aaaa...0001") -> ApiKey:
    return ApiKey.objects.get(mask=mask)


def problem(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


# --- the door ---------------------------------------------------------------------------------


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_delivery_is_answered_with_or_without_the_slash(source: Source, slash: str) -> None:
    answer = deliver({"sentAt": AT, "events": [call()], "adminEvents": [created()]}, slash=slash)
    assert answer.status_code == 200
    assert answer.json() == {"accepted": 2, "duplicate": 0, "rejected": 0}


def test_the_query_that_a_gateway_keeps_in_its_url_is_ignored(source: Source) -> None:
    assert deliver({"events": [call()]}, slash="?src=a").status_code == 200


def test_both_secrets_of_a_source_are_known(source: Source) -> None:
    assert deliver({"events": [call()]}, secret="before").status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        lambda: "",
        lambda: "t=1,v1=",
        lambda: signed(b"{}", "other"),
        lambda: signed(b"{}", age=301),
        lambda: "nonsense",
    ],
    ids=["none", "empty", "of another secret", "too old", "nonsense"],
)
def test_an_unsigned_or_badly_signed_delivery_is_401(
    source: Source, header: Callable[[], str]
) -> None:
    answer = deliver(b"{}", secret="", more={"X-PayGate-Signature": header()})
    assert problem(answer) == (401, "invalid_signature")
    assert not RejectedEvent.objects.exists()


def test_a_delivery_without_a_signature_header_is_401(source: Source) -> None:
    assert problem(deliver(b"{}", secret="")) == (401, "invalid_signature")


def test_a_source_without_a_secret_takes_unsigned_deliveries(db: None) -> None:
    gateway("open")
    assert deliver({"events": [call()]}, slug="open", secret="").status_code == 200


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("slug", ["nobody", "..", "Gw", "a%00b", "x" * 65])
def test_an_unknown_source_is_404_and_never_a_redirect(db: None, slug: str, slash: str) -> None:
    assert problem(deliver({"events": []}, slug=slug, slash=slash))[0] == 404


def test_a_facilitator_is_not_a_gateway(db: None) -> None:
    assert problem(deliver({"events": []}, slug="default")) == (409, "not_a_gateway")


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "options"])
def test_other_methods_are_405(source: Source, method: str) -> None:
    answer = getattr(Client(), method)("/hooks/paygate/gw")
    assert problem(answer) == (405, "method_not_allowed")
    assert answer["Allow"] == "POST"


def test_more_than_the_limit_is_413(source: Source) -> None:
    assert problem(deliver(b" " * (16 * 1024 * 1024 + 1)))[0] == 413


def test_it_needs_no_cookie_and_no_csrf_token(source: Source) -> None:
    body = json.dumps({"events": [call()]}).encode()
    headers = {"X-PayGate-Signature": signed(body), "Origin": "https://elsewhere.example"}
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/hooks/paygate/gw", body, content_type="text/plain", headers=headers)
    assert answer.status_code == 200


# --- what counts ------------------------------------------------------------------------------


def body(**more: Any) -> dict[str, Any]:
    return {"sentAt": AT, "events": [call()], **more}


@pytest.mark.parametrize(
    ("retries", "calls"),
    [
        ([0], 1),
        ([0, 1], 1),
        ([1, 0], 1),
        ([1, 2, 3], 1),
        ([1, 2, 0, 3], 1),
        ([0, 0], 2),
        ([1, 0, 0], 2),
        ([0, 1, 0, 1, 0], 3),
    ],
)
def test_a_text_counts_as_often_as_it_came_anew(
    source: Source, retries: list[int], calls: int
) -> None:
    deliver({"adminEvents": [created()]})
    for n, retry in enumerate(retries):
        deliver(body(sentAt=f"2026-01-05T10:00:0{n}.000Z"), retry=retry)
    assert UsageEvent.objects.count() == calls
    assert (key().credits, key().total_calls) == (100 - 2 * calls, calls)


def test_a_duplicate_says_so_and_is_counted(source: Source) -> None:
    deliver(body())
    assert deliver(body(), retry=1).json() == {"accepted": 0, "duplicate": 1, "rejected": 0}
    receipts = IngestReceipt.objects.order_by("id").values_list("accepted", "duplicate")
    assert list(receipts) == [(1, 0), (0, 1)]
    delivery = WebhookDelivery.objects.get()
    assert (delivery.first_times, delivery.retry_times, delivery.usage_events) == (1, 1, 1)


def test_equal_calls_of_one_delivery_are_that_many(source: Source) -> None:
    deliver({"adminEvents": [created()]})
    deliver({"events": [call(), call(), call(tool="other")]})
    assert (key().total_calls, key().total_spent, key().credits) == (3, 6, 94)


def test_an_admin_event_that_came_anew_counts_again(source: Source) -> None:
    topup = {"adminEvents": [happened("key.topup", keyMasked="pg_aaaa...0001", creditsAdded=5)]}
    deliver({"adminEvents": [created()]})
    for retry in (0, 1, 0):
        deliver(topup, retry=retry)
    assert key().credits == 110


def test_a_test_delivery_is_kept_and_has_no_effect(source: Source) -> None:
    test = {"adminEvents": [created()], "events": [call()]}
    assert deliver(test, more={"X-PayGate-Test": "1"}).status_code == 200
    assert WebhookDelivery.objects.count() == 1
    assert not ApiKey.objects.exists()
    assert not UsageEvent.objects.exists()
    assert not IngestReceipt.objects.exists()
    deliver(test)
    assert (key().credits, WebhookDelivery.objects.count()) == (98, 2)


def test_setting_an_alias_makes_no_key_though_it_is_called_key_created(source: Source) -> None:
    alias = happened("key.created", key="pg_aaaa111", alias="acme", event="alias_set")
    masked = happened("key.created", keyMasked="pg_bbbb...0002", alias="acme", event="alias_set")
    assert deliver({"adminEvents": [alias, masked]}).json()["accepted"] == 2
    assert not ApiKey.objects.exists()
    assert GatewayEvent.objects.count() == 2


def test_a_masked_alias_touches_no_key(source: Source) -> None:
    deliver({"adminEvents": [created()]})
    for mask in ("***", "acme-pr...-key", "", "..."):
        topup = happened("key.topup", keyMasked=mask, creditsAdded=5)
        assert deliver({"adminEvents": [topup]}).json()["accepted"] == 1
    assert (ApiKey.objects.count(), key().credits) == (1, 100)


# --- what cannot be understood ----------------------------------------------------------------


def test_what_cannot_be_understood_is_quarantined_and_the_rest_is_stored(source: Source) -> None:
    events = [call(), call(creditsCharged="2"), 5, call(tool="a\0b"), call(timestamp="soon")]
    admin = [created(), happened("key.topup", keyMasked="pg_aaaa...0001", creditsAdded="5")]
    answer = deliver({"events": events, "adminEvents": admin})
    assert answer.status_code == 200
    assert answer.json() == {"accepted": 2, "duplicate": 0, "rejected": 5}
    codes = RejectedEvent.objects.values_list("code", flat=True)
    assert sorted(codes) == [
        "bad_number",
        "bad_number",
        "bad_timestamp",
        "hostile_text",
        "not_an_object",
    ]
    assert key().credits == 98


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "malformed_json"),
        (b'{"events":[', "malformed_json"),
        (b"\xff\xfe", "malformed_json"),
        (b"[" * 100_000, "malformed_json"),
        (b"[]", "malformed_json"),
        (b"null", "malformed_json"),
        (b"{}", "missing_field"),
        (b'{"events":{}}', "malformed_json"),
        (b'{"events":[],}', "malformed_json"),
        (b'{"events":[]} x', "malformed_json"),
        (b'{"events":null,"adminEvents":[]}', "malformed_json"),
    ],
)
def test_what_is_no_delivery_is_kept_whole_and_acknowledged(
    source: Source, raw: bytes, code: str
) -> None:
    answer = deliver(raw)
    assert (answer.status_code, answer.json()["rejected"]) == (200, 1)
    kept = RejectedEvent.objects.get()
    assert (kept.code, bytes(kept.body)) == (code, raw)


HALF = rb'"half \ud83d of a sign"'


@pytest.mark.parametrize(
    "bad", [HALF, b"NaN", b'"\xff"', b'"a\x00b"', b"[" * 200 + b"]" * 200, b"1e999", b"true"]
)
def test_one_hostile_item_does_not_refuse_the_others(source: Source, bad: bytes) -> None:
    good = json.dumps(call()).encode()
    hostile = json.dumps(call(tool="?")).encode().replace(b'"?"', bad)
    answer = deliver(b'{"sentAt":"x", "events":[' + hostile + b" , " + good + b"]}")
    assert answer.json() == {"accepted": 1, "duplicate": 0, "rejected": 1}


SECRETS = "pg_" + "a1" * 24, "ak_" + "b2" * 16


def test_secrets_are_removed_from_what_is_quarantined(source: Source) -> None:
    for secret in SECRETS:
        deliver({"events": [{"apiKey": secret}], "adminEvents": [{"metadata": {"k": secret}}]})
        deliver(f'{{"key":"{secret}",'.encode())
        deliver(b'{"events":[{"apiKey":"' + secret.encode() + b'","tool":"\xff"}]}')
    assert RejectedEvent.objects.count() == 8
    for kept in RejectedEvent.objects.all():
        assert not any(secret.encode() in bytes(kept.body) for secret in SECRETS)


@pytest.mark.parametrize("name", ["<img src=x>", "__proto__", "7", "a,\"b'", "\u0661", "x" * 4000])
def test_names_are_kept_as_they_are(source: Source, name: str) -> None:
    deliver({"events": [call(tool=name, keyName=name)]})
    assert UsageEvent.objects.values_list("tool", "key_name").get() == (name, name)


HARMFUL = [
    happened("key.created", keyMasked="pg_aaaa...0001", name="x" * 201, credits=1),
    happened("key.created", keyMasked="pg_aaaa...0001", name={"a": 1}, credits=1),
    happened("key.created", keyMasked="pg_aaaa...0001", name="a", credits=""),
    happened("key.topup", keyMasked="pg_aaaa...0001", creditsAdded=""),
    happened("key.topup", keyMasked="pg_aaaa...0001", creditsAdded={}),
    happened("key.expiry_warning", keyMasked="pg_aaaa...0001", expiresAt="2026-W10-1"),
    happened("key.expiry_warning", keyMasked="pg_aaaa...0001", expiresAt=""),
    happened("key.expiry_warning", keyMasked="pg_aaaa...0001", expiresAt="2026-03-01T00:00+23:00"),
    happened("key.expiry_warning", keyMasked="pg_aaaa...0001", namespace="n" * 51),
    happened("key.rotated", oldKeyMasked=7, newKeyMasked="pg_aaaa...0001"),
    {"type": "key.revoked", "timestamp": AT, "metadata": []},
    {"type": "x" * 101, "timestamp": AT, "metadata": {}},
]


@pytest.mark.parametrize("event", HARMFUL)
def test_admin_events_that_would_mislead_the_database_are_set_aside(
    source: Source, event: dict[str, Any]
) -> None:
    deliver({"adminEvents": [created()]})
    answer = deliver({"adminEvents": [event], "events": [call()]})
    assert answer.json() == {"accepted": 1, "duplicate": 0, "rejected": 1}
    assert key().credits == 98


UNUSUAL = [
    happened("key.created", keyMasked="pg_bbbb...0002"),
    happened("key.created", keyMasked="x" * 64, name="long"),
    happened("key.created", keyMasked="a...b", name="odd"),
    happened("key.created", keyMasked="pg_cccc...0003...more", name="odd"),
    happened("key.rotated", oldKeyMasked="pg_aaaa...0001", newKeyMasked="pg_aaaa...0001"),
    happened("key.expiry_warning", keyMasked="pg_aaaa...0001", expiresAt="2999-01-01"),
    happened("never.heard.of", keyMasked="pg_aaaa...0001", deep={"a": [1e3, None]}),
    call(timestamp="2199-12-31T23:59:59.999Z"),
    call(timestamp="2026-01-05T09:00:00+05:30"),
    call(apiKey="", keyName=""),
    call(apiKey="abcd...", keyName="unknown", allowed=False, denyReason="invalid_api_key"),
    call(namespace="n" * 200),
    call(creditsCharged=-2, denyReason="refund"),
    call(creditsCharged=0.1),
]


@pytest.mark.parametrize("item", UNUSUAL)
def test_unusual_items_are_stored(source: Source, item: dict[str, Any]) -> None:
    deliver({"adminEvents": [created()]})
    part = "adminEvents" if "type" in item else "events"
    assert deliver({part: [item]}).json() == {"accepted": 1, "duplicate": 0, "rejected": 0}


def test_a_call_without_a_key_belongs_to_nobody(source: Source) -> None:
    deliver({"adminEvents": [created()]})
    deliver({"events": [call(apiKey="", keyName="one"), call(apiKey="none", keyName="none")]})
    assert key().total_calls == 0


# --- replay -----------------------------------------------------------------------------------


def test_a_quarantined_item_counts_as_often_as_it_came(
    source: Source, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver({"adminEvents": [created()]})
    with monkeypatch.context() as patch:
        patch.setattr("billing.gateway.records.LONGEST_TEXT", 3)
        patch.setattr("billing.gateway.records.verbatim.__defaults__", (3,))
        for retry in (0, 1, 0):
            deliver({"events": [call()]}, retry=retry)
    rejected = RejectedEvent.objects.get()
    assert (rejected.code, rejected.times_seen, key().total_calls) == ("too_long", 2, 0)
    for _ in range(2):
        admin_client.post(f"/admin/billing/rejectedevent/{rejected.pk}/replay/")
        rejected.refresh_from_db()
        assert (rejected.status, key().total_calls, key().credits) == ("replayed", 2, 96)


def test_a_whole_delivery_can_be_replayed(source: Source, admin_client: Client) -> None:
    text = json.dumps({"sentAt": AT, "adminEvents": [created()], "events": [call()]})
    kept = RejectedEvent.objects.create(
        source=source, body=text.encode(), body_hash=b"x", code="malformed_json"
    )
    admin_client.post(f"/admin/billing/rejectedevent/{kept.pk}/replay/")
    assert (key().credits, key().total_calls) == (98, 1)


def test_what_is_still_not_understood_stays_open(source: Source, admin_client: Client) -> None:
    deliver({"events": [call(creditsCharged="2")]})
    rejected = RejectedEvent.objects.get()
    admin_client.post(f"/admin/billing/rejectedevent/{rejected.pk}/replay/")
    rejected.refresh_from_db()
    assert (rejected.status, rejected.times_seen) == ("open", 1)


# --- cost -------------------------------------------------------------------------------------


@pytest.mark.parametrize("items", [1, 10])
def test_a_delivery_takes_the_same_few_statements_whatever_it_carries(
    source: Source, items: int
) -> None:
    made = [created(f"pg_{n:04d}...0001", f"k{n}") for n in range(items)]
    calls = [call(apiKey=f"pg_{n:04d}111", keyName=f"k{n}") for n in range(items)]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        deliver({"events": calls, "adminEvents": made})
    assert len(queries) <= 18
    assert ApiKey.objects.filter(total_calls=1).count() == items


# --- the recorded gateway ---------------------------------------------------------------------


def test_the_recorded_deliveries_shuffled_doubled_and_four_at_once(committed_db: None) -> None:
    source = gateway("gw")
    source.signing_secret = SECRET
    source.save()
    rng = random.Random(20260216)
    posts = [(d["body"].encode(), 0) for d in DELIVERIES if "X-PayGate-Retry" not in d["headers"]]
    posts += [(text, 1) for text, _ in posts]
    rng.shuffle(posts)
    failures = _in_threads(posts[n::4] for n in range(4))
    assert failures == []
    assert shown(ApiKey.objects.filter(source=source)) == expected()
    assert not RejectedEvent.objects.exists()


def _in_threads(shares: Iterator[list[tuple[bytes, int]]] | Iterable[Any]) -> list[Any]:
    failures: list[Any] = []

    def post(share: list[tuple[bytes, int]]) -> None:
        try:
            answers = (deliver(text, retry=retry) for text, retry in share)
            failures.extend(a.content for a in answers if a.status_code != 200)
        except BaseException as error:  # noqa: BLE001 - carried to the asserting thread
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=post, args=[share]) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def shown(keys: Iterable[ApiKey]) -> dict[str, tuple[Any, ...]]:
    return {
        k.mask: (
            k.name,
            k.credits,
            k.total_spent,
            k.total_calls,
            k.active,
            k.suspended,
            k.created_at.isoformat(timespec="milliseconds") if k.created_at else None,
        )
        for k in keys
    }


def expected() -> dict[str, tuple[Any, ...]]:
    """The same of the recorded backup."""
    keys = json.loads(recorded("backup.json"))["data"]["keys"]
    assert len(keys) == 72
    return {
        f"{k['key'][:7]}...{k['key'][-4:]}": (
            k["name"],
            k["credits"],
            k["totalSpent"],
            k["totalCalls"],
            k["active"],
            k.get("suspended", False),
            k["createdAt"].replace("Z", "+00:00"),
        )
        for k in keys
    }
