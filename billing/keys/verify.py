"""Checking and charging a call by a key issued here: once a request id, never below zero."""

import hashlib
import secrets
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from billing.gateway.records import PREFIX
from billing.gateway.redact import redacted
from billing.keys import sql
from billing.keys.checks import Call, Standing, refusal, used
from billing.keys.ledger import Line, add_line
from billing.keys.values import PLACES
from billing.models import KeyVerification, Source
from billing.models.keys import CreditKind
from billing.tokens import digests

UNKNOWN = "invalid_api_key"
QUOTA = list(Standing.__dataclass_fields__).index("quota")


class RequestMismatch(Exception):
    """The request id was used for another call."""


@dataclass(frozen=True)
class Attempt:
    """A call about to be made. Without `credits` it costs what the price list says."""

    secret: str
    tool: str
    credits: Decimal | None = None
    request_id: str | None = None
    address: str | None = None


class Verdict(msgspec.Struct, frozen=True):
    """Whether the call may be made, and what it cost in credits."""

    allowed: bool
    reason: str | None
    credits_charged: Decimal
    credits_remaining: Decimal
    request_id: str


def verify(source: Source, attempt: Attempt) -> Verdict:
    """Check the call and charge it, in one transaction.

    The same request again gets the same answer and changes nothing. RequestMismatch when its id
    belongs to another one.
    """
    known = digests(attempt.secret.encode("utf-8", "surrogatepass"))
    if attempt.request_id is not None:
        attempt = replace(attempt, request_id=_shown(attempt.request_id))
    with transaction.atomic(), connection.cursor() as cursor:
        if attempt.request_id is None:
            return _decided(cursor, source, attempt, known, f"req_{secrets.token_hex(8)}")
        claim = _claim(cursor, source, attempt, known)
        if claim is None:
            return _answered(source, attempt, known)
        verdict = _decided(cursor, source, attempt, known, attempt.request_id)
        cursor.execute(sql.ANSWER, {"id": claim, "answer": msgspec.json.encode(verdict).decode()})
        return verdict


def _claim(cursor: CursorWrapper, source: Source, attempt: Attempt, known: list[str]) -> int | None:
    values = {
        "source": source.pk,
        "request_id": attempt.request_id,
        "fingerprint": _fingerprint(attempt, known[0]),
    }
    cursor.execute(sql.CLAIM, values)
    row = cursor.fetchone()
    return row[0] if row else None


def _answered(source: Source, attempt: Attempt, known: list[str]) -> Verdict:
    """The answer given before; a pepper added since does not make it another request."""
    before = KeyVerification.objects.get(source=source, request_id=attempt.request_id)
    if bytes(before.fingerprint) not in [_fingerprint(attempt, digest) for digest in known]:
        raise RequestMismatch
    return msgspec.convert(before.answer, Verdict, strict=False)


def _fingerprint(attempt: Attempt, digest: str) -> bytes:
    """What the request asked, without its secret."""
    price = None if attempt.credits is None else attempt.credits.normalize()
    asked = [digest, attempt.tool, price, attempt.address]
    return hashlib.sha256(msgspec.json.encode(asked)).digest()


def _decided(
    cursor: CursorWrapper, source: Source, attempt: Attempt, known: list[str], request_id: str
) -> Verdict:
    key = _locked(cursor, source, attempt, known)
    if key is None:
        reason: str | None = UNKNOWN
        price = remaining = Decimal(0)
    else:
        price, remaining = key.price, key.credits
        call = Call(attempt.tool, price, attempt.address)
        found = refusal(key, call, lambda: _recent_calls(cursor, key))
        reason = _shown(found) if found else None
    if reason is None and key is not None:
        line = Line(CreditKind.CHARGE, -price, "verify", "", _shown(attempt.tool), request_id)
        remaining = add_line(key.id, line)
        _count(cursor, key, known)
    charged = price if reason is None else Decimal(0)
    _add_usage(cursor, source, attempt, key, charged, reason, request_id)
    return Verdict(reason is None, reason, charged, remaining, request_id)


def _locked(
    cursor: CursorWrapper, source: Source, attempt: Attempt, known: list[str]
) -> Standing | None:
    values: dict[str, Any] = {
        "source": source.pk,
        "digests": known,
        "tool": attempt.tool,
        "price": attempt.credits,
    }
    cursor.execute(sql.LOCK_KEY, values)
    row = cursor.fetchone()
    if row is None:
        return None
    columns = list(row)
    columns[QUOTA] = msgspec.json.decode(row[QUOTA]) if row[QUOTA] else None
    return Standing(*columns)


def _recent_calls(cursor: CursorWrapper, key: Standing) -> int:
    cursor.execute(sql.RECENT_CALLS, {"key": key.id, "now": key.now})
    return int(cursor.fetchone()[0])


def _count(cursor: CursorWrapper, key: Standing, known: list[str]) -> None:
    """The key's totals and quota counters; its digest moves to the newest pepper."""
    (daily_calls, daily_credits), (monthly_calls, monthly_credits) = (
        used(key, "daily"),
        used(key, "monthly"),
    )
    values: dict[str, Any] = {
        "key": key.id,
        "price": key.price,
        "now": key.now,
        "day": f"{key.now:%Y-%m-%d}",
        "month": f"{key.now:%Y-%m}",
        "daily_calls": daily_calls + 1,
        "monthly_calls": monthly_calls + 1,
        "daily_credits": daily_credits,
        "monthly_credits": monthly_credits,
        "digest": known[0],
        "pepper_version": len(known),
    }
    cursor.execute(sql.COUNT_CALL, values)


def _add_usage(
    cursor: CursorWrapper,
    source: Source,
    attempt: Attempt,
    key: Standing | None,
    charged: Decimal,
    reason: str | None,
    request_id: str,
) -> None:
    values: dict[str, Any] = {
        "source": source.pk,
        "key": key.id if key else None,
        "now": key.now if key else None,
        "places": PLACES,
        "prefix": key.prefix if key else attempt.secret[:PREFIX],
        "name": key.name if key else "unknown",
        "tool": _shown(attempt.tool),
        "credits": charged,
        "reason": reason,
        "namespace": key.namespace if key else None,
        "hash": hashlib.sha256(f"verify:{request_id}".encode()).digest(),
    }
    cursor.execute(sql.ADD_USAGE, values)


def _shown(text: str) -> str:
    """The caller's text without secrets in it."""
    shown: str = redacted(text)
    return shown
