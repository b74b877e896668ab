"""Events as producers send them, with short builders."""

import json
import time
from typing import Any

from billing.ingest import Receipt, receive, split
from billing.models import Payment, Source

HOUR = 3_600_000
NOW = int(time.time() * 1000) // HOUR * HOUR - HOUR  # a whole hour, at least an hour ago


def event(name: str, payment: str | None = None, /, at: int = 0, **data: Any) -> dict[str, Any]:
    """An event `at` milliseconds after NOW; `id` and `source` go to the envelope."""
    envelope = {key: data.pop(key) for key in ("id", "source") if key in data}
    if payment is not None:
        data["paymentId"] = payment
    return envelope | {"type": name, "data": {"timestamp": NOW + at} | data}


def received(payment: str, at: int = 0, **data: Any) -> dict[str, Any]:
    """payment:received of 10 on Base, unless told otherwise."""
    defaults = {"payer": "0xAa", "payee": "0xBb", "amount": "10", "network": "eip155:8453"}
    return event("payment:received", payment, at, **defaults | data)


def settled(payment: str, at: int = 1000, **data: Any) -> dict[str, Any]:
    """A minimal payment:settled with a fee of 0.03."""
    return event("payment:settled", payment, at, **{"fee": "0.03"} | data)


def failed(payment: str, at: int = 1000, **data: Any) -> dict[str, Any]:
    """payment:failed."""
    return event("payment:failed", payment, at, **data)


def post(*events: Any, source: str = "default", any_source: bool = False) -> Receipt:
    """Through the door, as one request."""
    return receive(split(json.dumps(events).encode()), Source.objects.get(slug=source), any_source)


def payment(payment_id: str) -> Payment:
    """The payment's row."""
    return Payment.objects.get(payment_id=payment_id)
