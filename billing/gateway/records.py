"""What gateways write, read strictly: exact numbers, moments, texts kept as they are."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from billing.gateway.redact import mask, redacted
from billing.ingest.decode import Rejection
from billing.ingest.values import NUMBER, token_of

LONGEST_TEXT = 4_000
LONGEST_MASK = 64
LONGEST_NAME = 200
LONGEST_NAMESPACE = 50
PREFIX = 10
LARGEST_EXPONENT = 30
LARGEST_COUNT = (1 << 63) - 1
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
END_OF_TIME = datetime(9999, 12, 31, 12, tzinfo=UTC)  # a way to say that a key never expires
_JSON = msgspec.json.Encoder()
_SURROGATE = re.compile("[\x00\ud800-\udfff]")
_MASKED = re.compile(r".{7}\.\.\..{4}", re.DOTALL)
# What PostgreSQL reads as the same moment that Python does.
_PLAIN_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-](?:0\d|1[0-4]):?[0-5]\d)?)?",
    re.ASCII,
)
Record = Mapping[str, Any]


class Call(msgspec.Struct):
    """A metered call, as in the webhook and in /usage."""

    at: str
    key_prefix: str
    key_name: str
    tool: str
    credits: str
    allowed: bool
    deny_reason: str | None
    namespace: str | None
    hash: str = ""
    place: int = 0
    times: int = 1


class AdminEvent(msgspec.Struct):
    """An admin event of the webhook; metadata is compact JSON, secrets removed."""

    at: str
    type: str
    actor: str
    metadata: str
    key_mask: str
    other_mask: str
    hash: str = ""
    times: int = 1


class LogEntry(msgspec.Struct):
    """An entry of the request log."""

    at: str
    log_id: int
    tool: str
    key_mask: str
    allowed: bool
    credits: str
    duration_ms: str
    deny_reason: str | None
    request_id: str | None
    hash: str = ""


class AuditEntry(msgspec.Struct):
    """An entry of the audit log; metadata is compact JSON, secrets removed."""

    at: str
    audit_id: int
    type: str
    actor: str
    message: str
    metadata: str
    hash: str = ""


def read_call(record: Record) -> Call:
    """A usage event as delivered, with the first ten characters of the key. Raises Rejection."""
    return _call(record, verbatim(record.get("apiKey"), "apiKey") or "")


def read_exported_call(record: Record) -> Call:
    """A usage event as exported: three dots follow the ten characters. Raises Rejection."""
    shown = verbatim(record.get("apiKey"), "apiKey") or ""
    return _call(record, shown.removesuffix("..."))


def _call(record: Record, shown: str) -> Call:
    call = Call(
        at=instant(record.get("timestamp"), "timestamp"),
        key_prefix=shown[:PREFIX],
        key_name=verbatim(record.get("keyName"), "keyName") or "",
        tool=verbatim(record.get("tool"), "tool") or "",
        credits=number(record.get("creditsCharged"), "creditsCharged"),
        allowed=flag(record.get("allowed"), "allowed"),
        deny_reason=verbatim(record.get("denyReason"), "denyReason"),
        namespace=verbatim(record.get("namespace"), "namespace"),
    )
    call.hash = digest_of(call)
    return call


# Where each admin event names the key it is about, and the one that comes into being or receives.
ABOUT = {
    "key.created": ("", "keyMasked"),
    "key.cloned": ("sourceKeyMasked", "newKeyMasked"),
    "key.rotated": ("oldKeyMasked", "newKeyMasked"),
    "key.credits_transferred": ("fromKeyMasked", "toKeyMasked"),
}
AMOUNTS = {
    "key.created": ("credits",),
    "key.cloned": ("credits",),
    "key.topup": ("creditsAdded",),
    "key.auto_topped_up": ("creditsAdded",),
    "key.credits_transferred": ("credits",),
}


def read_admin_event(record: Record) -> AdminEvent:
    """An admin event. Raises Rejection, also for amounts that are none."""
    kind = short(record.get("type"), "type", 100)
    metadata = record.get("metadata", {})
    if not isinstance(metadata, dict):
        raise Rejection("wrong_type", "metadata is not an object")
    _check_effects(kind, metadata)
    about, other = ABOUT.get(kind, ("keyMasked", ""))
    if metadata.get("event") == "alias_set":  # the gateway calls this one key.created, too
        other = ""
    event = AdminEvent(
        at=instant(record.get("timestamp"), "timestamp"),
        type=kind,
        actor=verbatim(record.get("actor"), "actor") or "",
        metadata=json_text(metadata),
        key_mask=_mask_in(metadata, about),
        other_mask=_mask_in(metadata, other),
    )
    event.hash = digest_of(event)
    return event


def _check_effects(kind: str, metadata: Record) -> None:
    """What the database computes with must be what it takes it for."""
    for name in AMOUNTS.get(kind, ()):
        number(metadata.get(name), name)
    if kind in ("key.created", "key.cloned"):
        verbatim(metadata.get("name"), "name", LONGEST_NAME)
    if kind == "key.expiry_warning":
        verbatim(metadata.get("namespace"), "namespace", LONGEST_NAMESPACE)
        said = metadata.get("expiresAt")
        if said is not None:
            instant(said, "expiresAt", END_OF_TIME)
            if not _PLAIN_MOMENT.fullmatch(said):
                raise Rejection("bad_timestamp", "expiresAt is not plain ISO 8601")


def read_log_entry(record: Record) -> LogEntry:
    """A request log entry. Raises Rejection."""
    entry = LogEntry(
        at=instant(record.get("timestamp"), "timestamp"),
        log_id=count(record.get("id"), "id"),
        tool=verbatim(record.get("tool"), "tool") or "",
        key_mask=short(record.get("key"), "key", LONGEST_MASK),
        allowed=short(record.get("status"), "status", 20) == "allowed",
        credits=number(record.get("credits"), "credits"),
        duration_ms=number(record.get("durationMs"), "durationMs"),
        deny_reason=verbatim(record.get("denyReason"), "denyReason"),
        request_id=verbatim(record.get("requestId"), "requestId"),
    )
    entry.hash = digest_of(entry)
    return entry


def read_audit_entry(record: Record) -> AuditEntry:
    """An audit log entry. Raises Rejection."""
    entry = AuditEntry(
        at=instant(record.get("timestamp"), "timestamp"),
        audit_id=count(record.get("id"), "id"),
        type=short(record.get("type"), "type", 100),
        actor=verbatim(record.get("actor"), "actor") or "",
        message=verbatim(record.get("message"), "message") or "",
        metadata=json_text(record.get("metadata") or {}),
    )
    entry.hash = digest_of(entry)
    return entry


def digest_of(record: msgspec.Struct) -> str:
    """sha256 of what a record says, in hexadecimal; records that say the same are the same."""
    members = msgspec.structs.asdict(record)
    said = [value for name, value in members.items() if name not in ("hash", "place", "times")]
    return hashlib.sha256(_JSON.encode(said)).hexdigest()


def instant(value: Any, field: str, latest: datetime = LATEST) -> str:
    """An ISO 8601 moment as sortable text with microseconds, UTC."""
    if not isinstance(value, str):
        raise Rejection("bad_timestamp", f"{field} is not a time")
    try:
        moment = datetime.fromisoformat(value.strip())
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise Rejection("bad_timestamp", f"{field} is not ISO 8601") from error
    if not EARLIEST <= moment < latest:
        raise Rejection("bad_timestamp", f"{field} is out of range")
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def number(value: Any, field: str) -> str:
    """A finite number as plain digits, exact; it may be negative. Absent is 0."""
    if value is None:
        return "0"
    token = token_of(value, field) or ""
    if isinstance(value, str) or not NUMBER.fullmatch(token):
        raise Rejection("bad_number", f"{field} is not a number")
    exact = Decimal(token)
    exponent = int(exact.as_tuple().exponent)
    if exact and not (exact.adjusted() <= LARGEST_EXPONENT and exponent >= -LARGEST_EXPONENT):
        raise Rejection("number_out_of_range", f"{field} is too large or too fine")
    plain = format(exact, "f") if exact else "0"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def count(value: Any, field: str) -> int:
    """A whole number; absent is 0."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST_COUNT:
        raise Rejection("bad_number", f"{field} is not a whole number")
    return value


def flag(value: Any, field: str) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise Rejection("wrong_type", f"{field} is neither true nor false")
    return value


def verbatim(value: Any, field: str, limit: int = LONGEST_TEXT) -> str | None:
    """Text as it is, but for secrets in it; None when absent."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise Rejection("wrong_type", f"{field} is not a string")
    if len(value) > limit:
        raise Rejection("too_long", f"{field} is longer than {limit} characters")
    if _SURROGATE.search(value):
        raise Rejection("hostile_text", f"{field} has NUL or a lone surrogate")
    text: str = redacted(value)
    return text


def short(value: Any, field: str, limit: int) -> str:
    """Text that must be there."""
    text = verbatim(value, field, limit)
    if not text:
        raise Rejection("missing_field", f"{field} is missing")
    return text


def json_text(value: Any) -> str:
    """Compact JSON with secrets removed and number tokens as received."""
    try:
        text = _JSON.encode(redacted(value)).decode()
    except UnicodeEncodeError as error:
        raise Rejection("hostile_text", "text with a lone surrogate") from error
    if "\\u0000" in text:
        raise Rejection("hostile_text", "text with NUL")
    return text


def _mask_in(metadata: Record, name: str) -> str:
    found = metadata.get(name) if name else None
    if found is None:
        return ""
    text = verbatim(found, name, LONGEST_MASK) or ""
    return text if _MASKED.fullmatch(text) or not text else mask(text)
