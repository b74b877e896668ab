"""A webhook delivery read: `{"sentAt": ..., "events": [...], "adminEvents": [...]}`.

An item that cannot be understood is set aside and the others are kept; only a body that cannot
be cut into items is refused as a whole.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from billing.gateway.records import (
    AdminEvent,
    Call,
    Record,
    json_text,
    read_admin_event,
    read_call,
)
from billing.gateway.redact import redacted_bytes
from billing.gateway.store import placed
from billing.ingest.decode import BYTE_ORDER_MARK, Rejection, decode
from billing.ingest.lenient import cut_leniently

T = TypeVar("T")
USAGE, ADMIN = "events", "adminEvents"
MOST_ITEMS = 10_000  # a gateway sends ten
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_LAX = json.JSONDecoder(strict=False)
_OPENING = re.compile(r"\{[ \t\r\n]*")
_COLON = re.compile(r"[ \t\r\n]*:[ \t\r\n]*")
_NEXT = re.compile(r"[ \t\r\n]*([,}])[ \t\r\n]*")
NOT_STRICT = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass
class Delivery:
    """What a delivery says, without secrets. `usage` and `admin` are the items it carried."""

    calls: list[Call] = field(default_factory=list)
    events: list[AdminEvent] = field(default_factory=list)
    refused: list[tuple[bytes, Rejection]] = field(default_factory=list)
    usage: list[str] = field(default_factory=list)
    admin: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its items as JSON. Attempts of one delivery differ in `sentAt` alone, so it is not in."""
        return f'{{"{USAGE}":[{",".join(self.usage)}],"{ADMIN}":[{",".join(self.admin)}]}}'

    @property
    def items(self) -> int:
        """How many items it carried."""
        return len(self.usage) + len(self.admin)

    def text_hash(self, is_test: bool) -> bytes:
        """The identity of its text; a test never shares it with a delivery that counts."""
        return hashlib.sha256(b"test\0" * is_test + self.text.encode()).digest()


def read_delivery(body: bytes) -> Delivery:
    """The items of a delivery. Raises Rejection when it cannot be cut into items."""
    members = _members(body.removeprefix(BYTE_ORDER_MARK).strip())
    if USAGE not in members and ADMIN not in members:
        raise Rejection("missing_field", f"a delivery has {USAGE} or {ADMIN}")
    found = Delivery()
    usage, admin = _items(members.get(USAGE, b"[]")), _items(members.get(ADMIN, b"[]"))
    if len(usage) + len(admin) > MOST_ITEMS:
        raise Rejection("too_many_items", f"a delivery has at most {MOST_ITEMS} items")
    found.calls = placed(_read(usage, read_call, found.usage, found.refused))
    found.events = _read(admin, read_admin_event, found.admin, found.refused)
    return found


def read_item(raw: bytes, reader: Callable[[Record], T]) -> tuple[str, T | Rejection]:
    """One item without its secrets, and what it says or why it cannot be understood."""
    try:
        value = decode(raw)
        text = json_text(value)
    except Rejection as rejection:
        return redacted_bytes(raw).decode("utf-8", "replace").replace("\0", " "), rejection
    try:
        return text, reader(value)
    except Rejection as rejection:
        return text, rejection


def _read(
    items: list[bytes],
    reader: Callable[[Record], T],
    texts: list[str],
    refused: list[tuple[bytes, Rejection]],
) -> list[T]:
    result = []
    for raw in items:
        text, record = read_item(raw, reader)
        texts.append(text)
        if isinstance(record, Rejection):
            refused.append((text.encode(), record))
        else:
            result.append(record)
    return result


def _members(body: bytes) -> dict[str, bytes]:
    try:
        return {name: bytes(raw) for name, raw in _MEMBERS.decode(body).items()}
    except NOT_STRICT as error:
        members = _cut_members(body.decode("utf-8", "surrogateescape"))
        if members is None:
            raise Rejection("malformed_json", str(error)) from error
        return members


def _cut_members(text: str) -> dict[str, bytes] | None:
    """The members of an object whose values may not all be JSON; None when it cannot be cut."""
    opening = _OPENING.match(text)
    members: dict[str, bytes] = {}
    separator, at = ",", opening.end() if opening else 0
    try:
        while separator == ",":
            name, at = _LAX.raw_decode(text, at)
            start = _after(_COLON, text, at).end()
            end = _LAX.raw_decode(text, start)[1]
            members[_name(name)] = text[start:end].encode("utf-8", "surrogateescape")
            after = _after(_NEXT, text, end)
            separator, at = after.group(1), after.end()
    except (ValueError, RecursionError):
        return None
    return members if opening and at == len(text) else None


def _after(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str]:
    found = pattern.match(text, at)
    if found is None:
        raise ValueError("not an object")
    return found


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a member's name is a string")
    return value


def _items(raw: bytes) -> list[bytes]:
    try:
        return [bytes(item) for item in _ITEMS.decode(raw)]
    except NOT_STRICT as error:
        items = cut_leniently(raw)
        if items is None:
            raise Rejection("malformed_json", "the items are not a list") from error
        return items
