"""The report `failures`."""

from decimal import Decimal

import pytest

from tests.builders import BASE, POLYGON, ask, failed, paid, received, send

pytestmark = pytest.mark.django_db

DAY = "2026-03-10T"


def test_it_counts_reasons_by_network_and_stage() -> None:
    for n in range(3):
        send(
            received(f"a{n}", f"{DAY}10:00:00Z"),
            failed(f"a{n}", f"{DAY}10:00:01Z", "insufficient_funds", stage="verify"),
        )
    send(
        received("b", f"{DAY}10:00:00Z", network="polygon"),
        failed("b", f"{DAY}10:00:01Z", "transaction_failed", stage="settle"),
        paid("fine", f"{DAY}10:00:00Z"),
    )
    assert ask("failures") == [
        {
            "network": BASE,
            "stage": "verify",
            "errorClass": "insufficient_funds",
            "reason": "insufficient_funds",
            "count": 3,
            "share": Decimal("0.75"),
        },
        {
            "network": POLYGON,
            "stage": "settle",
            "errorClass": "chain",
            "reason": "transaction_failed",
            "count": 1,
            "share": Decimal("0.25"),
        },
    ]


def test_a_failure_belongs_to_the_network_its_payment_is_known_by() -> None:
    send(received("a", f"{DAY}10:00:00Z"), failed("a", f"{DAY}10:00:01Z"))
    assert [row["network"] for row in ask("failures")] == [BASE]


def test_a_reason_nobody_has_seen_is_listed_as_unknown() -> None:
    send(received("a", f"{DAY}10:00:00Z"), failed("a", f"{DAY}10:00:01Z", "gremlins"))
    (row,) = ask("failures")
    assert (row["errorClass"], row["reason"], row["stage"]) == ("unknown", "gremlins", "unknown")


def test_failures_without_an_id_are_payments_of_their_own() -> None:
    send(failed("unknown", f"{DAY}10:00:00Z"), failed("unknown", f"{DAY}10:00:01Z"))
    (row,) = ask("failures")
    assert (row["network"], row["count"]) == ("unknown", 2)


def test_shares_are_of_all_failures_even_when_the_list_is_cut() -> None:
    send(
        failed("a", f"{DAY}10:00:00Z", "gremlins"),
        failed("b", f"{DAY}10:00:00Z", "gremlins"),
        failed("c", f"{DAY}10:00:00Z", "trolls"),
    )
    (row,) = ask("failures", limit="1")
    assert float(row["share"]) == pytest.approx(2 / 3)


def test_a_payment_that_settled_after_all_is_no_failure() -> None:
    send(failed("a", f"{DAY}10:00:00Z"), paid("a", f"{DAY}10:01:00Z"))
    assert ask("failures") == []
