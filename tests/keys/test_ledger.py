"""The database itself keeps the balance of keys issued here equal to their ledger."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from billing.keys.ledger import Line, add_line
from billing.models import ApiKey, CreditEntry, Source
from tests.keys.conftest import issued

pytestmark = pytest.mark.django_db


def refused(statement: str) -> str:
    """What the database says to a statement it must refuse."""
    with (
        pytest.raises(IntegrityError) as caught,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    return str(caught.value)


def test_a_grant_is_the_first_line() -> None:
    made = issued("12.5")
    (line,) = CreditEntry.objects.all()
    assert (line.kind, line.amount, line.balance_before) == ("grant", Decimal("12.5"), 0)
    assert (line.balance_after, line.actor) == (Decimal("12.5"), "user:root")
    assert made.key.credits == Decimal("12.5")


def test_a_key_without_credits_has_an_empty_ledger() -> None:
    assert issued("0").key.credits == 0
    assert not CreditEntry.objects.exists()


def test_credits_are_not_changed_past_the_ledger() -> None:
    issued("10")
    said = refused("update billing_apikey set credits = credits + 1")
    assert "change by its ledger only" in said
    refused("update billing_apikey set is_issued_here = false")
    refused("delete from billing_apikey")
    assert ApiKey.objects.get().credits == 10


def test_a_key_does_not_begin_with_credits() -> None:
    with pytest.raises(IntegrityError, match="grant them in its ledger"), transaction.atomic():
        ApiKey.objects.create(
            source=Source.objects.get(slug="default"),
            is_issued_here=True,
            digest="d" * 64,
            name="rich",
            credits=5,
        )


LINE = (
    "insert into billing_creditentry"
    " (key_id, at, kind, amount, balance_before, balance_after, tool, memo, actor)"
    " select id, now(), '{kind}', {amount}, {before}, {after}, '', '', '' from billing_apikey"
)


@pytest.mark.parametrize(
    ("kind", "amount", "before", "after"),
    [
        ("topup", 5, 10, 16),  # it does not add up
        ("topup", 5, 9, 14),  # the balance was 10
        ("charge", -11, 10, -1),  # below zero
        ("gift", 5, 10, 15),  # no such kind
    ],
)
def test_a_line_that_does_not_follow_is_refused(
    kind: str, amount: int, before: int, after: int
) -> None:
    issued("10")
    refused(LINE.format(kind=kind, amount=amount, before=before, after=after))
    assert ApiKey.objects.get().credits == 10


def test_a_line_that_follows_moves_the_balance() -> None:
    key = issued("10").key
    assert add_line(key.pk, Line("topup", Decimal("2.5"), "me")) == Decimal("12.5")
    assert ApiKey.objects.get().credits == Decimal("12.5")


def test_the_ledger_is_append_only() -> None:
    issued("10")
    assert "append-only" in refused("update billing_creditentry set memo = 'x'")
    assert "append-only" in refused("delete from billing_creditentry")
    refused("set constraints all immediate; truncate billing_creditentry")


def test_an_answer_that_was_given_stands() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into billing_keyverification (source_id, request_id, fingerprint, answer, at)"
            " select id, 'r1', '', '{}', now() from billing_source where slug = 'default'"
        )
    assert "stands" in refused("update billing_keyverification set answer = 'null'")
    refused("delete from billing_keyverification")
