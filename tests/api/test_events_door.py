"""POST /api/v1/events/: what is taken, what is refused, and what the answer says."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import LazySettings
from django.core.asgi import get_asgi_application
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from billing.models import Event, Payment, RejectedEvent
from tests.api.callers import (
    EVENTS,
    START,
    Caller,
    caller,
    problem_of,
    received,
    settled,
    source,
    token_of,
)

MEBIBYTE = 1024 * 1024


@pytest.fixture
def poster() -> Caller:
    """A client that may only post events, for `default`."""
    return caller("", can_ingest=True)


def test_it_stores_one_event_and_says_so(poster: Caller) -> None:
    answer = poster.post(EVENTS, received("p1") | {"id": "e1"})
    assert answer.status_code == 200
    assert answer.json() == {
        "accepted": 1,
        "duplicate": 0,
        "conflict": 0,
        "rejected": 0,
        "results": [{"index": 0, "id": "e1", "status": "accepted"}],
    }
    assert Event.objects.get().source.slug == "default"
    assert Payment.objects.get().payment_id == "p1"


@pytest.mark.parametrize("path", [EVENTS, EVENTS.rstrip("/")])
def test_it_works_with_and_without_the_slash(poster: Caller, path: str) -> None:
    assert poster.post(path, received("p1")).json()["accepted"] == 1


@pytest.mark.parametrize("wrap", [list, lambda events: {"events": list(events)}])
def test_it_takes_many_events_in_order(poster: Caller, wrap: Any) -> None:
    answer = poster.post(EVENTS, wrap([received("p1") | {"id": "a"}, settled("p1") | {"id": "b"}]))
    assert [(r["index"], r["id"]) for r in answer.json()["results"]] == [(0, "a"), (1, "b")]


def test_it_takes_ndjson(poster: Caller) -> None:
    lines = b"\n".join(json.dumps(received(f"p{n}")).encode() for n in range(3))
    answer = poster.post(EVENTS, lines + b"\n", content_type="application/x-ndjson")
    assert answer.json()["accepted"] == 3


def test_it_answers_each_event_for_itself(poster: Caller) -> None:
    first = received("p1") | {"id": "a"}
    poster.post(EVENTS, first)
    other = received("p1", amount="9") | {"id": "a"}
    answer = poster.post(EVENTS, [first, other, {"type": "payment:settled"}, settled("p1")]).json()
    assert [r["status"] for r in answer["results"]] == [
        "duplicate",
        "conflict",
        "rejected",
        "accepted",
    ]
    assert answer["results"][2]["code"]
    counts = [answer[name] for name in ("accepted", "duplicate", "conflict", "rejected")]
    assert counts == [1, 1, 1, 1]


MINIMAL: dict[str, dict[str, Any]] = {
    "payment:received": {
        "paymentId": "p1",
        "payer": "0xA",
        "payee": "0xB",
        "amount": "2.50",
        "network": "eip155:8453",
    },
    "payment:verified": {"paymentId": "p1", "verificationTime": 120},
    "payment:settled": {
        "paymentId": "p1",
        "transaction": "0xT",
        "fee": "0.0025",
        "settlementTime": 1800,
    },
    "payment:failed": {"paymentId": "unknown", "error": "invalid_signature"},
    "batch:created": {
        "batchId": "b1",
        "paymentCount": 2,
        "totalAmount": "5.00",
        "network": "eip155:8453",
    },
    "batch:settled": {
        "batchId": "b1",
        "transaction": "0xT",
        "totalFees": "0.005",
        "gasUsed": "180000",
    },
}


@pytest.mark.parametrize("stamp", [START, "2026-01-01T00:00:00Z"])
def test_minimal_events_are_accepted_as_they_are(poster: Caller, stamp: object) -> None:
    events = [{"type": name, "data": data | {"timestamp": stamp}} for name, data in MINIMAL.items()]
    answer = poster.post(EVENTS, events).json()
    assert [result["status"] for result in answer["results"]] == ["accepted"] * len(MINIMAL)
    states = dict(Payment.objects.values_list("payment_id", "status"))
    assert states.pop("p1") == "settled"
    assert list(states.values()) == ["failed"]  # of a payment nobody named


def test_events_of_unknown_types_and_fields_are_stored(poster: Caller, viewer: Caller) -> None:
    unknown = {"type": "dispute:opened", "data": {"why": "lost", "timestamp": START}}
    known = received("p1", loyalty={"tier": 3})
    assert poster.post(EVENTS, [unknown, known]).json()["accepted"] == 2
    kept = {row["type"]: row["body"] for row in viewer.get(EVENTS).json()["results"]}
    assert json.loads(kept["dispute:opened"]) == unknown
    assert json.loads(kept["payment:received"])["data"]["loyalty"] == {"tier": 3}


def test_it_answers_200_when_every_event_is_rejected(poster: Caller) -> None:
    answer = poster.post(EVENTS, [{"type": "payment:settled"}])
    assert (answer.status_code, answer.json()["rejected"]) == (200, 1)


def test_it_quarantines_a_body_that_is_not_json(poster: Caller) -> None:
    assert problem_of(poster.post(EVENTS, b'{"type": '), 400) == "malformed_json"
    kept = RejectedEvent.objects.get()
    assert (kept.code, bytes(kept.body)) == ("malformed_json", b'{"type": ')


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("text/plain", {}),
        ("application/x-www-form-urlencoded", {}),
        ("application/json", {"Content-Encoding": "gzip"}),
    ],
)
def test_it_refuses_other_media_types(
    poster: Caller, content_type: str, headers: dict[str, str]
) -> None:
    answer = poster.post(EVENTS, received("p1"), content_type=content_type, headers=headers)
    assert problem_of(answer, 415) == "unsupported_media_type"


def test_it_refuses_more_than_ten_thousand_events(poster: Caller) -> None:
    answer = poster.post(EVENTS, b"[" + b",".join([b"{}"] * 10_001) + b"]")
    assert problem_of(answer, 413) == "too_many_events"
    assert not RejectedEvent.objects.exists()


def test_it_refuses_a_declared_length_over_16_mebibytes(poster: Caller) -> None:
    answer = poster.post(EVENTS, b" " * (16 * MEBIBYTE + 1))
    assert problem_of(answer, 413) == "body_too_large"


@pytest.fixture
def _kept_connection() -> Iterator[None]:
    """The server closes connections between requests; the test's transaction needs its own."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.usefixtures("_kept_connection")
@pytest.mark.parametrize(("mebibytes", "status"), [(1, 200), (17, 413)])
def test_it_measures_a_chunked_body_itself(mebibytes: int, status: int) -> None:
    event = json.dumps(received("p1")).encode()
    chunks = [event, *([b" " * MEBIBYTE] * mebibytes)]
    secret = token_of("", can_ingest=True)
    assert async_to_sync(post_chunked)(chunks, secret) == status


async def post_chunked(chunks: list[bytes], secret: str) -> int:
    """Post through ASGI as a server hands over a body of unknown length; the status answered."""
    left = list(chunks)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.sleep(3600)  # a client that stays connected; cancelled by the handler
        chunk = left.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(left)}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = {"host": "localhost", "content-type": "application/json", "x-admin-key": secret}
    scope = {
        "type": "http",
        "method": "POST",
        "path": EVENTS,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await get_asgi_application()(scope, receive, send)
    status: int = sent[0]["status"]
    return status


def test_it_takes_a_body_of_exactly_16_mebibytes(poster: Caller) -> None:
    event = json.dumps(received("p1")).encode()
    assert poster.post(EVENTS, event.ljust(16 * MEBIBYTE)).json()["accepted"] == 1


def test_it_needs_the_scope_ingest() -> None:
    assert problem_of(caller("admin").post(EVENTS, received("p1")), 403) == "permission_denied"


def test_it_refuses_strangers_and_wrong_tokens() -> None:
    stranger = Caller("").post(EVENTS, received("p1"))
    assert problem_of(stranger, 401) == "not_authenticated"
    assert stranger["WWW-Authenticate"] == 'Bearer realm="paygate"'
    assert problem_of(Caller("pgt_no").post(EVENTS, received("p1")), 401) == "invalid_token"
    assert not Event.objects.exists()


def test_it_files_under_the_source_of_the_token() -> None:
    shop = source("shop")
    caller("", can_ingest=True, source=shop).post(EVENTS, received("p1"))
    assert Event.objects.get().source == shop


def test_it_lets_only_admins_of_all_sources_name_another_source(admin: Caller) -> None:
    shop = source("shop")
    named = received("p1") | {"source": "shop"}
    assert admin.post(EVENTS, named).json()["accepted"] == 1
    assert admin.post(f"{EVENTS}?source=shop", received("p2")).json()["accepted"] == 1
    assert {event.source for event in Event.objects.all()} == {shop}

    bound = caller("admin", can_ingest=True, source=source("kiosk"))
    assert bound.post(EVENTS, named).json()["results"][0]["code"] == "foreign_source"
    assert problem_of(bound.post(f"{EVENTS}?source=shop", named), 403) == "foreign_source"
    assert problem_of(admin.post(f"{EVENTS}?source=nobody", named), 400) == "invalid"


def test_it_says_when_to_come_back(poster: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from billing.api.throttles import IngestThrottle

    monkeypatch.setattr(IngestThrottle, "rate", "2/day", raising=False)
    assert [poster.post(EVENTS, received(f"p{n}")).status_code for n in range(2)] == [200, 200]
    refused = poster.post(EVENTS, received("p3"))
    assert problem_of(refused, 429) == "throttled"
    assert 1 <= int(refused["Retry-After"]) <= 86_400
    assert caller("", can_ingest=True).post(EVENTS, received("p3")).status_code == 200


def test_it_takes_events_while_the_cache_is_away(poster: Caller, settings: LazySettings) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    assert poster.post(EVENTS, received("p1")).json()["accepted"] == 1


def test_it_shows_events_as_they_were_received(poster: Caller, viewer: Caller) -> None:
    body = json.dumps(received("p1", amount="1.50", note="é") | {"id": "e1"}).encode()
    poster.post(EVENTS, body)
    shown = viewer.get(EVENTS, payment_id="p1").json()["results"][0]
    assert shown["event_id"] == "e1"
    assert shown["source"] == "default"
    assert shown["type"] == "payment:received"
    assert json.loads(shown["body"]) == json.loads(body)
    assert shown["occurred_at"] == "2026-01-01T00:00:00Z"
