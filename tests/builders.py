"""Events by hand: typed builders with defaults, the door they go through, and a question."""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from analytics.registry import Family, find_report
from billing.api.renderers import exact_json
from billing.ingest import Receipt, receive
from billing.models import Source

Event = dict[str, Any]

ALICE = "0x" + "a1" * 20
BOB = "0x" + "b0" * 20
CAROL = "0x" + "ca" * 20
SHOP = "0x" + "50" * 20
CAFE = "0x" + "cf" * 20

BASE, SEPOLIA, POLYGON = "eip155:8453", "eip155:84532", "eip155:137"
NOON = "2026-03-10T12:00:00Z"


def _event(kind: str, payment_id: str, at: str, fields: dict[str, Any]) -> Event:
    return {"type": kind, "data": {"paymentId": payment_id, "timestamp": at, **fields}}


def received(
    payment_id: str,
    at: str,
    amount: str = "1",
    payer: str | None = ALICE,
    payee: str | None = SHOP,
    network: str = "base",
    **more: Any,
) -> Event:
    """A payment arrives; amount in token units."""
    named = {"payer": payer, "payee": payee, "network": network, "amount": amount}
    return _event("payment:received", payment_id, at, named | more)


def verified(payment_id: str, at: str, **more: Any) -> Event:
    """Its signature is good."""
    return _event("payment:verified", payment_id, at, more)


def settled(payment_id: str, at: str, fee: str = "0.01", **more: Any) -> Event:
    """The money moved."""
    return _event("payment:settled", payment_id, at, {"fee": fee} | more)


def failed(payment_id: str, at: str, error: str = "insufficient_funds", **more: Any) -> Event:
    """It did not."""
    return _event("payment:failed", payment_id, at, {"error": error} | more)


def reversed_(payment_id: str, at: str, **more: Any) -> Event:
    """The chain took it back."""
    return _event("payment:reversed", payment_id, at, more)


def refunded(payment_id: str, at: str, **more: Any) -> Event:
    """The operator gave it back."""
    return _event("payment:refunded", payment_id, at, more)


def earned(event_id: str, at: str, kind: str, amount: str, network: str = "base") -> Event:
    """Revenue that is no fee: gas_sponsorship or premium."""
    data = {"kind": kind, "amount": amount, "network": network, "timestamp": at}
    return {"id": event_id, "type": "revenue:recorded", "data": data}


def paid(
    payment_id: str,
    at: str,
    amount: str = "1",
    fee: str = "0.01",
    payer: str | None = ALICE,
    payee: str | None = SHOP,
    **more: Any,
) -> Event:
    """A whole settled payment in one event, started and settled at the same moment."""
    named = {"payer": payer, "payee": payee, "amount": amount, "network": "base"}
    return settled(payment_id, at, fee, **(named | more))


def send(*events: Event | Iterable[Event], source: str = "default") -> Receipt:
    """Through the door, in one request; every event must be accepted."""
    flat = [e for event in events for e in ([event] if isinstance(event, dict) else event)]
    owner, _ = Source.objects.get_or_create(slug=source)
    receipt = receive([json.dumps(event).encode() for event in flat], owner)
    assert receipt.accepted == len(flat), receipt.results
    return receipt


def ask(slug: str, as_of: str = NOON, **query: str) -> Any:
    """What a report says, as a client reads its JSON; numbers exact."""
    report = find_report(slug, Family.PAYMENTS)
    answer = report.answer({"as_of": as_of, **query})
    return json.loads(exact_json(answer.data), parse_float=Decimal)
