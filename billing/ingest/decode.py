"""From bytes to exact values: number tokens stay verbatim, hostile text is refused."""

import hashlib
import re
from typing import Any

import msgspec

from billing.ingest.lenient import cut_leniently

MAX_DEPTH = 32
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
# A number with a fraction or an exponent keeps its token; integers are exact as they are.
_VALUE = msgspec.json.Decoder(float_hook=lambda token: msgspec.Raw(token.encode()))
_CANONICAL = msgspec.json.Encoder(order="deterministic")
_SUSPECT_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


class MalformedBody(Exception):
    """The body is not the JSON (or NDJSON) it claims to be; says where."""


class Rejection(Exception):
    """One event could not be understood: a stable code and a plain sentence."""

    def __init__(self, code: str, detail: str) -> None:
        """`code` is stable for programs, `detail` is for people."""
        super().__init__(detail)
        self.code, self.detail = code, detail[:500]


def split(body: bytes, ndjson: bool = False) -> list[bytes]:
    """The events of a request, each as its own verbatim bytes.

    One object, an array, {"events": [...]} or, with `ndjson`, one event a line.
    Raises MalformedBody when the whole cannot be cut into events.
    """
    body = body.removeprefix(BYTE_ORDER_MARK)
    if ndjson:
        return [line for line in body.splitlines() if line.strip()]
    body = body.strip()
    try:
        return _items(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        items = cut_leniently(body)
        if items is None:
            raise MalformedBody(str(error)) from error
        return items


def _items(body: bytes) -> list[bytes]:
    if body.startswith(b"["):
        return [bytes(raw) for raw in _ITEMS.decode(body)]
    if not body.startswith(b"{"):
        raise MalformedBody("expected an object or an array")
    members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    if "events" in members and "type" not in members:
        inner = bytes(members["events"]).strip()
        if not inner.startswith(b"["):
            raise MalformedBody("`events` is not an array")
        return [bytes(raw) for raw in _ITEMS.decode(inner)]
    return [body]


def decode(raw: bytes) -> dict[str, Any]:
    """One event as a dict; numbers with a fraction or exponent as msgspec.Raw tokens.

    Raises Rejection: malformed_json, not_an_object, too_deep, hostile_text.
    """
    try:
        value = _VALUE.decode(raw)
    except RecursionError as error:
        raise Rejection("too_deep", f"nested deeper than {MAX_DEPTH} levels") from error
    except UnicodeDecodeError as error:
        raise Rejection("malformed_json", "the text is not UTF-8") from error
    except msgspec.DecodeError as error:
        raise Rejection("malformed_json", str(error)) from error
    if not isinstance(value, dict):
        raise Rejection("not_an_object", "an event is a JSON object")
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH or _SUSPECT_ESCAPE.search(raw):
        _check(value, MAX_DEPTH)
    return value


def _check(value: Any, depth: int) -> None:
    """Refuse NUL and lone surrogates in any text, and nesting beyond `depth`."""
    if depth == 0:
        raise Rejection("too_deep", f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
            raise Rejection("hostile_text", "text with NUL or a lone surrogate")
    elif isinstance(value, dict):
        for key, member in value.items():
            _check(key, depth)
            _check(member, depth - 1)
    elif isinstance(value, list):
        for member in value:
            _check(member, depth - 1)


def identity(event: dict[str, Any]) -> bytes:
    """sha256 of {data, type} with sorted keys and number tokens verbatim."""
    canonical = {"data": event.get("data"), "type": event.get("type")}
    return hashlib.sha256(_CANONICAL.encode(canonical)).digest()
