"""The records: shapes, filters, pages, and who sees what."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import Payment
from tests.api.callers import (
    PAYEE,
    PAYER,
    START,
    Caller,
    caller,
    deliver,
    failed,
    problem_of,
    received,
    settled,
    source,
)

PAYMENTS = "/api/v1/payments/"
BASE_USDC = "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"


def ids(answer: Any) -> list[str]:
    """The payment ids of a page."""
    return [row["payment_id"] for row in answer.json()["results"]]


def test_it_shows_a_payment_with_all_its_stages(viewer: Caller) -> None:
    deliver(
        received("p1", asset=BASE_USDC.upper().replace("X", "x")),
        settled("p1", transaction="0xfeed", settlementTime=1234.5, gasUsed=60000),
    )
    (row,) = viewer.get(PAYMENTS).json()["results"]
    expected = {
        "payment_id": "p1",
        "source": "default",
        "status": "settled",
        "payer": PAYER.lower(),
        "payee": PAYEE,
        "network": "eip155:8453",
        "asset": BASE_USDC,
        "amount": "1.500000",
        "amount_usd": "1.500000",
        "authorized_amount": "1.500000",
        "fee": "0.010000",
        "fee_usd": "0.010000",
        "transaction": "0xfeed",
        "settlement_ms": 1234.5,
        "gas_used": "60000",
        "started_at": "2026-01-01T00:00:00Z",
        "received_at": "2026-01-01T00:00:00Z",
        "verified_at": None,
        "settled_at": "2026-01-01T00:00:02Z",
        "failed_at": None,
        "events": "/api/v1/events/?source=default&payment_id=p1",
    }
    assert {name: row[name] for name in expected} == expected
    assert viewer.get(f"{PAYMENTS}{row['id']}/").json() == row
    assert len(viewer.get(row["events"]).json()["results"]) == 2


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "0.000000"),
        ("1e-9", "0.000000001"),
        ("1.10", "1.100000"),
        ("9007199254.740993", "9007199254.740993"),
        (str(2**256 - 1), f"{2**256 - 1}.000000"),
        ("123456789012345678901234567890.123456789", "123456789012345678901234567890.123456789"),
    ],
)
def test_it_shows_every_digit_of_money(viewer: Caller, amount: str, shown: str) -> None:
    deliver(received("p1", amount=amount, asset="0x" + "9" * 40))
    assert viewer.get(PAYMENTS).json()["results"][0]["amount"] == shown


def test_it_shows_every_digit_of_atomic_amounts(viewer: Caller) -> None:
    most = str(2**256 - 1)
    deliver(received("p1", amount=None, amountAtomic=most, asset=BASE_USDC))
    (row,) = viewer.get(PAYMENTS).json()["results"]
    assert row["amount_atomic"] == most
    assert row["amount"] == f"{most[:-6]}.{most[-6:]}"


@pytest.fixture
def _three() -> None:
    """a: settled for the default source; b: failed there; c: begun for `shop` an hour later."""
    deliver(received("a"), settled("a", transaction="0xAB"), received("b"), failed("b"))
    source("shop")
    deliver(
        received(
            "c", START + 3_600_000, network="solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", payer="SoL"
        ),
        to="shop",
    )


@pytest.mark.usefixtures("_three")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["c", "b", "a"]),
        ({"payment_id": "a"}, ["a"]),
        ({"source": "shop"}, ["c"]),
        ({"source": "nobody"}, []),
        ({"status": "failed"}, ["b"]),
        ({"network": "eip155:8453"}, ["b", "a"]),
        ({"payer": PAYER}, ["b", "a"]),
        ({"payer": PAYER.lower()}, ["b", "a"]),
        ({"payer": PAYER.upper()}, ["b", "a"]),
        ({"payee": PAYEE.upper()}, ["c", "b", "a"]),
        ({"payer": "SoL"}, ["c"]),
        ({"payer": "sol"}, []),
        ({"transaction": "0xAB"}, ["a"]),
        ({"transaction": "0xab"}, ["a"]),
        ({"error_class": "unknown"}, ["b"]),
        ({"started_after": "2026-01-01T01:00:00Z"}, ["c"]),
        ({"started_before": "2026-01-01T01:00:00Z"}, ["b", "a"]),
        ({"settled_after": "2026-01-01T00:00:02Z"}, ["a"]),
        ({"settled_before": "2026-01-01T00:00:02Z"}, []),
        ({"ordering": "started_at"}, ["a", "b", "c"]),
        ({"ordering": "-settled_at"}, ["a"]),
    ],
)
def test_it_filters_exactly(viewer: Caller, query: dict[str, str], found: list[str]) -> None:
    assert ids(viewer.get(PAYMENTS, **query)) == found


@pytest.mark.parametrize(
    ("bound", "found"),
    [("2026-01-01T22:00:00%2B22:00", ["p1"]), ("2026-01-01T22:00:01%2B22:00", [])],
)
def test_a_bound_may_have_any_offset(viewer: Caller, bound: str, found: list[str]) -> None:
    deliver(received("p1"))  # at 2026-01-01T00:00:00Z, which is 22:00 there
    assert ids(viewer.get(f"{PAYMENTS}?started_after={bound}")) == found


@pytest.mark.parametrize(
    ("path", "name"),
    [("payments", "started_before"), ("usage-events", "at_after"), ("usage-events", "at_before")],
)
@pytest.mark.parametrize("bound", ["0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00"])
def test_a_bound_outside_the_calendar_is_refused(
    viewer: Caller, path: str, name: str, bound: str
) -> None:
    answer = viewer.get(f"/api/v1/{path}/", **{name: bound})
    assert problem_of(answer, 400) == "invalid"
    assert list(answer.json()["errors"]) == [name]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"paymentid": "a"}, "paymentid"),
        ({"status": "done"}, "status"),
        ({"started_after": "yesterday"}, "started_after"),
        ({"ordering": "amount"}, "ordering"),
        ({"page_size": "0"}, "page_size"),
        ({"page_size": "1001"}, "page_size"),
        ({"page_size": "x"}, "page_size"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "bnVsbA=="}, "cursor"),
        ({"cursor": "W2ZhbHNlLCJ4IiwieCJd"}, "cursor"),
        ({"cursor": "W2ZhbHNlLCJ4IiwieCJd", "ordering": "started_at"}, "cursor"),
        ({"payment_id": "a\0"}, "payment_id"),
    ],
)
def test_it_refuses_what_it_does_not_understand(
    viewer: Caller, query: dict[str, str], name: str
) -> None:
    answer = viewer.get(PAYMENTS, **query)
    assert problem_of(answer, 400) == "invalid"
    assert list(answer.json()["errors"]) == [name]


@pytest.mark.parametrize("ordering", ["-id", "id", "started_at", "-started_at"])
def test_it_pages_both_ways_without_gaps_or_repeats(viewer: Caller, ordering: str) -> None:
    # Five of the seven share their time, so that ties straddle pages.
    deliver(*(received(f"p{n}", START + 1000 * (n > 4) * n) for n in range(7)))
    everything = ids(viewer.get(PAYMENTS, ordering=ordering))
    assert sorted(everything) == [f"p{n}" for n in range(7)]

    page = viewer.get(PAYMENTS, ordering=ordering, page_size=2)
    assert page.json()["previous"] is None
    forwards = [ids(page)]
    while page.json()["next"]:
        page = viewer.get(page.json()["next"])
        forwards.append(ids(page))
    assert [payment for rows in forwards for payment in rows] == everything
    assert [len(rows) for rows in forwards] == [2, 2, 2, 1]

    backwards = [ids(page)]
    while page.json()["previous"]:
        page = viewer.get(page.json()["previous"])
        backwards.insert(0, ids(page))
    assert backwards == forwards


def test_a_page_never_counts_and_costs_the_same_whatever_its_size(viewer: Caller) -> None:
    deliver(*(received(f"p{n}") for n in range(30)))
    costs = []
    for size in (1, 30):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert len(ids(viewer.get(PAYMENTS, page_size=size))) == size
        costs.append(len(queries))
        assert not [q for q in queries if "COUNT(" in q["sql"].upper()]
    assert costs[0] >= costs[1]


def test_a_payment_that_is_only_named_is_hidden(viewer: Caller) -> None:
    deliver(
        {
            "type": "batch:settled",
            "data": {
                "batchId": "b1",
                "paymentIds": ["ghost"],
                "network": "eip155:8453",
                "timestamp": START,
                "gasUsed": "100",
                "totalFees": "0.5",
            },
        }
    )
    ghost = Payment.objects.get(payment_id="ghost")
    assert viewer.get(PAYMENTS).json()["results"] == []
    assert problem_of(viewer.get(f"{PAYMENTS}{ghost.pk}/"), 404) == "not_found"

    (batch,) = viewer.get("/api/v1/batches/", payment_id="ghost").json()["results"]
    assert (batch["batch_id"], batch["total_fees"], batch["gas_used"]) == ("b1", "0.500000", "100")
    one = viewer.get(f"/api/v1/batches/{batch['id']}/").json()
    assert [share["payment_id"] for share in one["payments"]] == ["ghost"]


def test_it_shows_the_money_book(viewer: Caller) -> None:
    deliver(received("a"), settled("a"))
    (line,) = viewer.get("/api/v1/revenue-records/", payment_id="a").json()["results"]
    assert (line["kind"], line["amount"], line["amount_usd"], line["at"]) == (
        "facilitator_fee",
        "0.010000",
        "0.010000",
        "2026-01-01T00:00:02Z",
    )


@pytest.mark.parametrize(
    "path",
    ["payments", "batches", "revenue-records", "conflicts"],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_facts_are_read_only(admin: Caller, path: str, method: str) -> None:
    answer = admin.send(method, f"/api/v1/{path}/", {})
    assert problem_of(answer, 405) == "method_not_allowed"
    assert "GET" in answer["Allow"]


@pytest.mark.usefixtures("_three")
def test_a_token_of_a_source_sees_only_that_source() -> None:
    shop = caller("admin", can_ingest=True, source=source("shop"))
    assert ids(shop.get(PAYMENTS)) == ["c"]
    hidden = Payment.objects.get(payment_id="a")
    assert problem_of(shop.get(f"{PAYMENTS}{hidden.pk}/"), 404) == "not_found"
    assert {r["source"] for r in shop.get("/api/v1/events/").json()["results"]} == {"shop"}
    assert shop.get("/api/v1/revenue-records/").json()["results"] == []
    assert [s["slug"] for s in shop.get("/api/v1/sources/").json()["results"]] == ["shop"]
    assert {t["source"] for t in shop.get("/api/v1/tokens/").json()["results"]} == {"shop"}
    assert problem_of(shop.get("/api/v1/sources/default/"), 404) == "not_found"
