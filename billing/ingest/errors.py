"""Failure reasons of the protocol, reduced to a few classes; text scrubbed of secrets."""

import re
from typing import Any

PENDING = "settlement_pending"
LONGEST = 2000  # characters of a reason that are looked at

# First match wins; the set of reasons is open, the rest is `unknown`.
_CLASSES: list[tuple[str, re.Pattern[str]]] = [
    (name, re.compile(pattern))
    for name, pattern in [
        ("policy", r"_kyt\b|paymentaborted|^aborted|hook_abort|blocked|sanction"),
        ("replay", r"nonce_already_used|permit2_invalid_nonce|duplicate_settlement|already_used"),
        ("expired", r"valid_before|valid_after|deadline_expired|not_yet_valid|expired"),
        ("insufficient_funds", r"insufficient_funds|insufficient_.{0,80}?balance"),
        ("allowance", r"allowance|erc20_approval"),
        ("chain", r"simulation_failed|transfer_event_mismatch|reverted|transaction_failed"
                  r"|invalid_transaction_state|transaction_state"),
        ("bad_signature", r"signature"),
        ("mismatch", r"mismatch|amount_insufficient"),
        ("unsupported", r"unsupported|invalid_scheme|invalid_network|invalid_x402_version"
                        r"|asset_not_deployed|schemenotfound"),
        ("infra", r"unexpected_\w{0,80}error|rpc|timeout|timed out|connection|unavailable"
                  r"|http_?5\d\d"),
    ]
]  # fmt: skip
# An exception's name, as programs print it: ValueError('x'), web3.exceptions.BadOutput: x.
_EXCEPTION = re.compile(
    r"(?:[A-Z]\w{0,80}(?:Error|Exception)\b|[a-z_]\w{0,80}(?:\.\w{1,80}){0,8}?\.[A-Z]\w{0,80}\b)"
)
# Bounded repeats: the time it takes grows with the text, not with its square.
_URL = re.compile(r"[a-z][a-z0-9+.-]{0,30}://\S+", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def reason_of(data: dict[str, Any]) -> str:
    """The raw reason an event states, whichever of the usual fields holds it; may be empty."""
    for name in ("error", "errorReason", "reason", "invalidReason", "errorMessage"):
        value = data.get(name)
        if isinstance(value, dict):
            value = value.get("code") or value.get("reason") or value.get("message")
        if isinstance(value, str) and value.strip():
            return value.strip()[:LONGEST]
    return ""


def is_pending(reason: str) -> bool:
    """Whether the reason says that the outcome is not known yet."""
    return re.split(r"[\s:]", reason.lower(), maxsplit=1)[0] == PENDING


def class_of(reason: str) -> str:
    """The class of a reason; another program's exception is `infra`; `unknown` if none fits."""
    lowered = reason.lower()
    last = "infra" if _EXCEPTION.match(reason) else "unknown"
    return next((name for name, pattern in _CLASSES if pattern.search(lowered)), last)


def scrubbed(reason: str) -> str:
    """The reason without URLs (they may hold keys) and control characters, 500 characters."""
    return _CONTROL.sub(" ", _URL.sub("[url]", reason))[:500]
