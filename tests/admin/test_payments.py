"""Looking payments up: what is found, what is shown, and what it costs the database."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client

from billing.models import Payment
from tests.admin.conftest import statements
from tests.builders import (
    ALICE,
    CAROL,
    SHOP,
    earned,
    failed,
    paid,
    received,
    refunded,
    send,
    settled,
)

LIST = "/admin/billing/payment/"
DAY = "2026-03-10T"
TX = "0x" + "AB" * 32


def shown(client: Client, query: str = "") -> list[str]:
    """The payment ids on a page of the list, top first."""
    response = client.get(LIST + query)
    assert response.status_code == 200
    return [row.payment_id for row in response.context["cl"].result_list]


def page_of(client: Client, payment_id: str) -> str:
    """The payment's own page."""
    payment = Payment.objects.get(payment_id=payment_id)
    return client.get(f"{LIST}{payment.pk}/change/").content.decode()


def test_the_newest_start_is_first(staff: Client) -> None:
    send(paid("b", f"{DAY}10:00:00Z"), paid("a", f"{DAY}11:00:00Z"), paid("c", f"{DAY}09:00:00Z"))
    assert shown(staff) == ["a", "b", "c"]


def test_a_payment_only_named_by_a_refund_is_hidden(staff: Client) -> None:
    send(refunded("ghost", f"{DAY}10:00:00Z"), paid("real", f"{DAY}10:00:00Z"))
    assert Payment.objects.filter(payment_id="ghost").exists()
    assert shown(staff) == ["real"]


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("p1", ["p1"]),
        ("p", []),
        (ALICE, ["p1"]),
        (ALICE.upper().replace("0X", "0x"), ["p1"]),
        (SHOP, ["p2", "p1"]),
        (TX, ["p2"]),
        (TX.lower(), ["p2"]),
        ("%", []),
    ],
)
def test_search_is_exact_and_ignores_case_only_on_evm(
    staff: Client, term: str, found: list[str]
) -> None:
    send(
        paid("p1", f"{DAY}10:00:00Z", payer=ALICE),
        paid("p2", f"{DAY}10:01:00Z", payer=CAROL, transaction=TX),
    )
    assert shown(staff, f"?q={term.replace('%', '%25')}") == found


def test_solana_addresses_that_differ_in_case_are_two(staff: Client) -> None:
    upper, lower = "So1AAAbbbCCCdddEEE", "so1aaabbbcccdddeee"
    send(
        paid("p1", f"{DAY}10:00:00Z", payer=upper, network="solana"),
        paid("p2", f"{DAY}10:01:00Z", payer=lower, network="solana"),
    )
    assert shown(staff, f"?q={upper}") == ["p1"]


def test_pages_are_sought_in_both_directions_and_hold_every_payment_once(staff: Client) -> None:
    send(paid(f"p{n:03}", f"{DAY}10:{n // 60:02}:{n % 60:02}Z") for n in range(120))
    first = staff.get(LIST)
    second = staff.get(LIST + first.context["cl"].paginator.older)
    third = staff.get(LIST + second.context["cl"].paginator.older)
    pages = [
        [row.payment_id for row in page.context["cl"].result_list]
        for page in (first, second, third)
    ]
    assert [len(page) for page in pages] == [50, 50, 20]
    assert [payment for page in pages for payment in page] == [
        f"p{n:03}" for n in reversed(range(120))
    ]
    assert first.context["cl"].paginator.newer is None
    assert third.context["cl"].paginator.older is None
    assert shown(staff, third.context["cl"].paginator.newer) == pages[1]


def test_payments_of_one_moment_are_neither_skipped_nor_repeated(staff: Client) -> None:
    send(paid(f"p{n:03}", f"{DAY}10:00:00Z") for n in range(60))
    first = staff.get(LIST)
    rest = shown(staff, first.context["cl"].paginator.older)
    seen = [row.payment_id for row in first.context["cl"].result_list] + rest
    assert sorted(seen) == [f"p{n:03}" for n in range(60)]


@pytest.mark.parametrize("place", ["older-1", "x", "older--5", "older-9-99999999999999999999"])
def test_a_place_that_cannot_be_read_is_the_first_page(staff: Client, place: str) -> None:
    send(paid("p1", f"{DAY}10:00:00Z"))
    assert shown(staff, f"?p={place}") == ["p1"]


def test_a_list_costs_the_same_for_two_and_for_fifty_payments(staff: Client) -> None:
    send(paid(f"a{n}", f"{DAY}10:00:0{n}Z") for n in range(2))
    shown(staff)
    with statements() as few:
        shown(staff)
    send(paid(f"b{n:02}", f"{DAY}11:00:{n:02}Z", payer=CAROL) for n in range(60))
    with statements() as many:
        assert len(shown(staff)) == 50
    assert len(few) == len(many) <= 6
    assert not [sql for sql in many if "count(" in sql]


def test_no_query_counts_when_searched_or_filtered(staff: Client) -> None:
    send(paid("p1", f"{DAY}10:00:00Z"))
    with statements() as run:
        staff.get(LIST + "?q=p1&state=failed&period=90d&source=default&_facets=True")
    assert run
    assert not [sql for sql in run if "count(" in sql]


def test_search_reads_indexes_only(staff: Client) -> None:
    send(
        paid(f"p{n}", f"{DAY}10:00:00Z", payer=f"0x{n:040x}", payee=f"0x{n + 9000:040x}")
        for n in range(1500)
    )
    with statements() as run:
        shown(staff, f"?q={TX}")
    (listing,) = [sql for sql in run if 'from "billing_payment"' in sql]
    assert "like" not in listing
    with connection.cursor() as cursor:
        cursor.execute("analyze billing_payment")
        cursor.execute(f"explain {listing}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    for index in (
        "payment_once",
        "payment_by_transaction",
        "payment_by_payer",
        "payment_by_payee",
    ):
        assert index in plan


def test_open_and_failed_payments_are_found_by_state(staff: Client) -> None:
    send(
        received("open", "2026-03-10T10:00:00Z"),
        received("bad", "2026-03-10T10:01:00Z"),
        failed("bad", "2026-03-10T10:01:05Z"),
        paid("good", "2026-03-10T10:02:00Z"),
    )
    assert shown(staff, "?state=open") == ["open"]
    assert shown(staff, "?q=bad&state=failed") == ["bad"]
    assert shown(staff, "?q=bad&state=settled") == []


def test_payments_are_narrowed_by_network_source_and_period(staff: Client) -> None:
    recent = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    send(paid("old", "2026-03-10T10:00:00Z"), paid("base", recent))
    send(paid("polygon", recent, network="polygon"), source="shop")
    assert shown(staff, "?network=eip155:137") == ["polygon"]
    assert shown(staff, "?source=shop") == ["polygon"]
    assert shown(staff, "?network=eip155:8453") == ["base"]
    assert shown(staff, "?period=1h") == []
    assert sorted(shown(staff, "?period=24h")) == ["base", "polygon"]


def test_a_payments_page_shows_its_evidence_escaped(staff: Client) -> None:
    send(
        received(
            "p1", f"{DAY}10:00:00Z", "1234.5", resource="/pay", note="<script>alert(1)</script>"
        ),
        settled("p1", f"{DAY}10:00:02Z", "0.25", transaction=TX),
        earned("e1", f"{DAY}10:00:03Z", "premium", "7"),
    )
    page = page_of(staff, "p1")
    assert "1,234.50 USDC" in page
    assert "0.25 USDC" in page
    assert f"https://basescan.org/tx/{TX.lower()}" in page
    assert "payment:received" in page
    assert "payment:settled" in page
    assert "Facilitator fee" in page
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "EVM addresses are shown in lower case" in page


def test_an_unpriced_amount_says_so(staff: Client) -> None:
    send(paid("p1", f"{DAY}10:00:00Z", asset="0x" + "ee" * 20))
    assert "unpriced" in page_of(staff, "p1")


def test_a_payments_page_costs_the_same_however_many_events(staff: Client) -> None:
    send(paid("p1", f"{DAY}10:00:00Z"), received("p2", f"{DAY}10:00:00Z"))
    page_of(staff, "p1")
    with statements() as one:
        page_of(staff, "p1")
    send(received("p1", f"{DAY}09:59:0{n}Z") for n in range(9))
    with statements() as ten:
        page_of(staff, "p1")
    assert len(one) == len(ten)


def test_nobody_edits_a_payment(staff: Client) -> None:
    send(paid("p1", f"{DAY}10:00:00Z"))
    payment = Payment.objects.get()
    assert staff.get(f"{LIST}add/").status_code == 403
    assert staff.post(f"{LIST}{payment.pk}/change/", {"amount": "5"}).status_code == 403
    assert staff.post(f"{LIST}{payment.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Payment.objects.get().amount == payment.amount == 1


def test_staff_who_may_view_payments_see_them(viewer: Client) -> None:
    send(paid("p1", f"{DAY}10:00:00Z"))
    assert shown(viewer) == ["p1"]
