"""Key and group records, as backups, exports and lists give them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from billing.gateway.records import (
    END_OF_TIME,
    LONGEST_NAME,
    LONGEST_NAMESPACE,
    LONGEST_TEXT,
    PREFIX,
    Record,
    count,
    flag,
    instant,
    json_text,
    number,
    short,
    verbatim,
)
from billing.gateway.redact import mask
from billing.ingest.decode import Rejection
from billing.ingest.values import sortable
from billing.tokens import digests

SHORTEST_SECRET = 16
MOST_ITEMS = 1_000
_DAY, _MONTH = re.compile(r"\d{4}-\d\d-\d\d"), re.compile(r"\d{4}-\d\d")


class KeyRecord(msgspec.Struct):
    """A key as a gateway shows it. Only prefix, mask and keyed digests of the secret remain.

    `snapshot` is what later events change, `position` the place in a backup.
    """

    prefix: str
    mask: str
    digests: list[str]
    name: str
    snapshot: dict[str, Any]
    position: int | None
    alias: str
    spending_limit: str
    allowed_tools: list[str]
    denied_tools: list[str]
    ip_allowlist: list[str]
    allowed_countries: list[str]
    denied_countries: list[str]
    expires_at: str | None
    expires_text: str
    quota: msgspec.Raw | None
    quota_daily_calls: int
    quota_monthly_calls: int
    quota_daily_credits: str
    quota_monthly_credits: str
    quota_day: str
    quota_month: str
    auto_topup: msgspec.Raw | None
    tags: msgspec.Raw
    namespace: str
    group_id: str
    notes: list[str]


class GroupRecord(msgspec.Struct):
    """A group as a gateway shows it."""

    group_id: str
    name: str
    description: str
    is_active: bool
    allowed_tools: list[str]
    denied_tools: list[str]
    ip_allowlist: list[str]
    rate_limit_per_min: int
    tags: msgspec.Raw
    created_at: str | None
    position: int


def read_key(record: Record, position: int | None) -> KeyRecord:
    """A key of a backup, an export (full secrets) or a list (prefixes). Raises Rejection."""
    secret, shown = record.get("key"), record.get("keyPrefix")
    if isinstance(secret, str) and len(secret) >= SHORTEST_SECRET:
        prefix, masked, known = secret[:PREFIX], mask(secret), digests(secret.encode())
    else:
        prefix = short(shown if shown is not None else secret, "keyPrefix", LONGEST_TEXT)[:PREFIX]
        masked, known = "", []
    name = short(record.get("name") or "unnamed", "name", LONGEST_NAME)
    said = verbatim(record.get("expiresAt"), "expiresAt", 64) or ""
    return KeyRecord(
        prefix=prefix,
        mask=masked,
        digests=known,
        name=name,
        snapshot=_snapshot(record, name),
        position=position,
        alias=verbatim(record.get("alias"), "alias", LONGEST_NAME) or "",
        spending_limit=number(record.get("spendingLimit"), "spendingLimit"),
        allowed_tools=texts(record, "allowedTools"),
        denied_tools=texts(record, "deniedTools"),
        ip_allowlist=texts(record, "ipAllowlist"),
        allowed_countries=texts(record, "allowedCountries"),
        denied_countries=texts(record, "deniedCountries"),
        expires_at=_expiry(said),
        expires_text=said,
        **_quota(record),
        auto_topup=_object(record, "autoTopup"),
        tags=_object(record, "tags") or msgspec.Raw(b"{}"),
        namespace=verbatim(record.get("namespace"), "namespace", LONGEST_NAMESPACE) or "default",
        group_id=verbatim(record.get("group"), "group", 64) or "",
        notes=_notes(record),
    )


def _expiry(said: str) -> str | None:
    """When a key ends. What cannot be read as a time ends nothing, as at the gateway.

    The last day of the calendar is a way to say never; its end has no equal in every zone.
    """
    if not said:
        return None
    try:
        return instant(said, "expiresAt", END_OF_TIME)
    except Rejection:
        return sortable(END_OF_TIME) if said.startswith("9999-12-31") else None


def _snapshot(record: Record, name: str) -> dict[str, Any]:
    used = record.get("lastUsedAt")
    return {
        "name": name,
        "credits": number(record.get("credits"), "credits"),
        "totalSpent": number(record.get("totalSpent"), "totalSpent"),
        "totalCalls": count(record.get("totalCalls"), "totalCalls"),
        "createdAt": instant(record.get("createdAt"), "createdAt"),
        "lastUsedAt": instant(used, "lastUsedAt") if used else None,
        "active": flag(record.get("active", True), "active"),
        "suspended": flag(record.get("suspended", False), "suspended"),
    }


def _quota(record: Record) -> dict[str, Any]:
    day = verbatim(record.get("quotaLastResetDay"), "quotaLastResetDay", 64) or ""
    month = verbatim(record.get("quotaLastResetMonth"), "quotaLastResetMonth", 64) or ""
    return {
        "quota": _object(record, "quota"),
        "quota_daily_calls": count(record.get("quotaDailyCalls"), "quotaDailyCalls"),
        "quota_monthly_calls": count(record.get("quotaMonthlyCalls"), "quotaMonthlyCalls"),
        "quota_daily_credits": number(record.get("quotaDailyCredits"), "quotaDailyCredits"),
        "quota_monthly_credits": number(record.get("quotaMonthlyCredits"), "quotaMonthlyCredits"),
        "quota_day": day if _DAY.fullmatch(day) else "",
        "quota_month": month if _MONTH.fullmatch(month) else "",
    }


def read_group(record: Record, position: int) -> GroupRecord:
    """A group. Raises Rejection."""
    created = record.get("createdAt")
    return GroupRecord(
        group_id=short(record.get("id"), "id", 64),
        name=short(record.get("name") or record.get("id"), "name", LONGEST_NAME),
        description=verbatim(record.get("description"), "description") or "",
        is_active=flag(record.get("active", True), "active"),
        allowed_tools=texts(record, "allowedTools"),
        denied_tools=texts(record, "deniedTools"),
        ip_allowlist=texts(record, "ipAllowlist"),
        rate_limit_per_min=count(record.get("rateLimitPerMin"), "rateLimitPerMin"),
        tags=_object(record, "tags") or msgspec.Raw(b"{}"),
        created_at=instant(created, "createdAt") if created else None,
        position=position,
    )


def texts(record: Record, name: str) -> list[str]:
    """A list of texts; absent is empty."""
    value = record.get(name) or []
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > MOST_ITEMS:
        raise Rejection("wrong_type", f"{name} is not a list of at most {MOST_ITEMS} texts")
    return [verbatim(item, name) or "" for item in value]


def _object(record: Record, name: str) -> msgspec.Raw | None:
    value = record.get(name)
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise Rejection("wrong_type", f"{name} is not an object")
    return msgspec.Raw(json_text(value).encode())


def _notes(record: Record) -> list[str]:
    """Remarks: a text, or a list of texts or of objects with a text."""
    value = record.get("notes") or []
    items = [value] if isinstance(value, str | Mapping) else value
    if not isinstance(items, Sequence) or len(items) > MOST_ITEMS:
        raise Rejection("wrong_type", "notes is not a list")
    said = [item.get("text") if isinstance(item, Mapping) else item for item in items]
    return [text for item in said if (text := verbatim(item, "notes"))]
