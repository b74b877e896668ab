"""keys-credit-history: how a balance changed other than by calls."""

import json
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from rest_framework.exceptions import ValidationError

from billing.gateway.webhook import take_delivery
from billing.keys.issue import issue_key
from billing.keys.ledger import Line, add_line
from tests.gateway.hook import happened
from tests.gateway.small import ask, call, key, logged, mask, small_gateway

pytestmark = pytest.mark.django_db


def ten(minute: int) -> str:
    return f"2026-02-16T10:{minute:02}:00.000Z"


def entries(**query: str) -> list[Any]:
    """Type, amount, balance before and after, and the memo."""
    found = ask("keys-credit-history", **query)["entries"]
    return [
        (e["type"], e["amount"], e["balanceBefore"], e["balanceAfter"], e.get("memo"))
        for e in found
    ]


CREATED = {"keyMasked": mask(1), "name": "key-1", "credits": 100}
CLONED = {"sourceKeyMasked": mask(1), "newKeyMasked": mask(2), "credits": 100}
TOPPED = {"keyMasked": mask(1), "creditsAdded": 20, "newBalance": 110}
MOVED = {
    "fromKeyMasked": mask(1),
    "toKeyMasked": mask(2),
    "credits": 30,
    "fromBalance": 80,
    "toBalance": 130,
    "memo": "lent",
}


def test_what_the_audit_log_tells() -> None:
    small_gateway(
        [key(1, credits=80), key(2, credits=130)],
        [call(1)],
        [
            logged(1, "key.created", ten(0), metadata=CREATED),
            logged(2, "key.cloned", ten(1), metadata=CLONED),
            logged(3, "key.topup", ten(2), metadata=TOPPED),
            logged(4, "key.credits_transferred", ten(3), metadata=MOVED),
            logged(5, "key.auto_topped_up", ten(4), metadata=TOPPED | {"newBalance": "soon"}),
        ],
    )
    assert entries(key=mask(1)) == [
        ("transfer_out", 30, 110, 80, "lent"),
        ("topup", 20, 90, 110, None),
        ("initial", 100, 0, 100, None),
    ]
    assert entries(key=mask(2)) == [
        ("transfer_in", 30, 100, 130, "lent"),
        ("initial", 100, 0, 100, None),
    ]
    answer = ask("keys-credit-history", key=mask(1), type="topup", limit="1")
    assert (answer["currentBalance"], answer["totalEntries"]) == (80, 3)
    assert [entry["type"] for entry in answer["entries"]] == ["topup"]
    later = {"key": mask(1), "from": "2026-02-16T10:03:00Z"}
    assert [line[0] for line in entries(**later)] == ["transfer_out"]
    with pytest.raises(ValidationError):
        entries(key=mask(1), type="gift")


def test_what_the_webhook_tells_too_counts_once() -> None:
    created = logged(1, "key.created", ten(0), metadata=CREATED)
    source = small_gateway([key(1, credits=80)], audit=[created])
    told = [
        happened("key.created", "2026-02-16T10:00:00.001Z", **CREATED),
        happened("key.auto_topped_up", ten(5), **TOPPED),
    ]
    take_delivery(source, json.dumps({"sentAt": ten(6), "adminEvents": told}).encode(), False)
    assert entries(key=mask(1)) == [
        ("auto_topup", 20, 90, 110, None),
        ("initial", 100, 0, 100, None),
    ]


def test_a_mask_that_keys_share_tells_of_none() -> None:
    secret = str(key(1)["key"])
    twin = key(2) | {"key": secret[:7] + "9" * (len(secret) - 11) + secret[-4:]}
    created = logged(1, "key.created", ten(0), metadata=CREATED)
    small_gateway([key(1), twin], audit=[created])
    assert entries(key="pg_0000001") == []


def test_a_key_issued_here_has_its_ledger() -> None:
    made = issue_key(small_gateway(), "staff", Decimal(50), name="ours").key
    for written in (
        Line("charge", Decimal("-1.5"), "api", tool="search"),
        Line("adjust", Decimal(-3), "staff", memo="slip"),
    ):
        with transaction.atomic():
            add_line(made.pk, written)
    answer = ask("keys-credit-history", key=str(made.pk), as_of="2199-01-01T00:00:00Z")
    assert (answer["currentBalance"], answer["totalEntries"]) == (45.5, 3)
    assert [{**entry, "timestamp": ""} for entry in answer["entries"]] == [
        line(kind="adjust", amount=3, before=48.5, after=45.5, memo="slip"),
        line(kind="deduction", amount=1.5, before=50, after=48.5, tool="search"),
        line(kind="initial", amount=50, before=0, after=50, memo="issued"),
    ]


def line(*, kind: str, amount: float, before: float, after: float, **more: str) -> dict[str, Any]:
    """A line of the answer without its moment."""
    figures = {"amount": amount, "balanceBefore": before, "balanceAfter": after}
    return {"type": kind, **figures, **more, "timestamp": ""}
