"""What the portal is told of an x402 payment, of protocol versions 1 and 2."""

import base64
import hashlib
import json
import re
import time
from collections.abc import Mapping
from typing import Any

SIGNATURE_BYTES = 64
ADDRESS_OF = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
ERROR_CHARACTERS = 500


def wire(model: Any) -> dict[str, Any]:
    """An SDK object as it looks on the wire."""
    written: dict[str, Any] = model.model_dump(by_alias=True, exclude_none=True, mode="json")
    return written


def payment_id(payload: Mapping[str, Any]) -> str:
    """The same for every verify and settle of an authorization: its hash, never its signature."""
    text = "|".join(_canonical(str(part)) for part in _identity(payload))
    return "x402-" + hashlib.sha256(text.encode()).hexdigest()[:40]


def _canonical(part: str) -> str:
    return part.lower() if part[:2] in ("0x", "0X") else part


def _identity(payload: Mapping[str, Any]) -> tuple[Any, ...]:
    accepted, inner = payload.get("accepted", payload), payload["payload"]
    network = accepted["network"]
    if "channelId" in inner:
        claim = inner.get("maxClaimableAmount", inner.get("refundNonce"))
        return network, inner["channelId"], inner.get("type"), claim
    if permit := inner.get("permit2Authorization"):
        return network, permit["from"], permit["nonce"]
    if authorization := inner.get("authorization"):
        return network, accepted.get("asset"), authorization["from"], authorization["nonce"]
    if transaction := inner.get("transaction"):
        return network, _message(transaction)
    return network, json.dumps(inner, sort_keys=True, separators=(",", ":"))


def _message(transaction: str) -> str:
    """Solana: the fee payer signs last, so the signatures differ between verify and settle."""
    try:
        raw = base64.b64decode(transaction, validate=True)
    except ValueError:  # not base64, or not even ASCII
        return transaction
    return hashlib.sha256(raw[1 + SIGNATURE_BYTES * raw[0] :] if raw else raw).hexdigest()


def facts(payload: Mapping[str, Any], requirements: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that every event of a payment has."""
    inner = payload["payload"]
    signed = inner.get("authorization") or inner.get("permit2Authorization") or {}
    resource = payload.get("resource") or requirements.get("resource")
    known = {
        "paymentId": payment_id(payload),
        "payer": signed.get("from"),
        "payee": requirements.get("payTo"),
        "amountAtomic": requirements.get("amount", requirements.get("maxAmountRequired")),
        "network": requirements.get("network"),
        "asset": requirements.get("asset"),
        "scheme": requirements.get("scheme"),
        "resource": resource.get("url") if isinstance(resource, Mapping) else resource,
        "validBefore": signed.get("validBefore"),
        "timestamp": time.time_ns() // 1_000_000,
    }
    return {name: _storable(value) for name, value in known.items() if value not in (None, "")}


def _storable(value: Any) -> Any:
    """Text without what no database holds: a payer may send it, and it would cost the event."""
    if not isinstance(value, str):
        return value
    halves = value.replace("\0", "\ufffd").encode("utf-16-le", "surrogatepass")
    return halves.decode("utf-16-le", "replace")


def reason(error: BaseException) -> str:
    """Why it failed; addresses of nodes, which may hold keys, are left out."""
    return ADDRESS_OF.sub("[address]", str(error) or type(error).__name__)[:ERROR_CHARACTERS]
