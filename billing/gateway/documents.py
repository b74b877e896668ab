"""Files of a gateway as values: exact numbers, gzip, checksums, and text that is not quite JSON."""

import hashlib
import json
import re
import zlib
from typing import Any

import msgspec

from billing.ingest.decode import BYTE_ORDER_MARK

LARGEST = 256 * 1024 * 1024
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31
_STRICT = msgspec.json.Decoder(float_hook=lambda token: msgspec.Raw(token.encode()))
_LONE = re.compile("[\ud800-\udfff]")
_LONGEST_WHOLE = 100  # digits; Python refuses to read far longer ones, and a whole file with them


class BadExport(Exception):
    """The file is not what it claims to be; the text says why."""


def plain_bytes(body: bytes) -> bytes:
    """The text of a file that may be gzipped; BadExport above 256 MiB or when it is cut."""
    if body.startswith(_GZIP):
        body = _unzipped(body)
    if len(body) > LARGEST:
        raise BadExport(f"the file is larger than {LARGEST >> 20} MiB")
    return body.removeprefix(BYTE_ORDER_MARK)


def decode_export(body: bytes) -> Any:
    """A JSON file as plain values, numbers with a fraction as tokens; BadExport when it is none.

    Callers of a gateway choose texts in its records, and it writes lone surrogates as they came.
    Such a file is read laxly, so that one record cannot keep out all others; the readers of
    records then refuse it alone.
    """
    try:
        return _STRICT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _lax(body, msgspec_token)


def checksum(body: bytes) -> str:
    """sha256, in hexadecimal, of the compact JSON of a backup's `data`, as the gateway makes it."""
    try:
        raw = msgspec.json.decode(body, type=dict[str, msgspec.Raw])["data"]
        compact = msgspec.json.format(bytes(raw), indent=-1)
    except msgspec.DecodeError:
        data = _lax(body, float)["data"]
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        compact = _LONE.sub(lambda one: f"\\u{ord(one.group()):04x}", text).encode()
    return hashlib.sha256(compact).hexdigest()


def item_text(item: Any) -> bytes:
    """A decoded record as JSON again, whatever is in it."""
    try:
        return msgspec.json.encode(item)
    except UnicodeEncodeError:
        return json.dumps(item, default=lambda raw: float(bytes(raw))).encode()


def msgspec_token(token: str) -> msgspec.Raw:
    """A number as it is written."""
    return msgspec.Raw(token.encode())


def _lax(body: bytes, number: Any) -> Any:
    text = body.decode("utf-8", "surrogateescape")
    try:
        return json.loads(
            text, strict=False, parse_int=_whole, parse_float=number, parse_constant=str
        )
    except (ValueError, RecursionError) as error:
        raise BadExport(f"not JSON: {error}") from error


def _whole(token: str) -> int | msgspec.Raw:
    return int(token) if len(token) <= _LONGEST_WHOLE else msgspec_token(token)


def _unzipped(body: bytes) -> bytes:
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        text = inflater.decompress(body, LARGEST + 1)
    except zlib.error as error:
        raise BadExport(f"not gzip: {error}") from error
    if len(text) <= LARGEST and not inflater.eof:
        raise BadExport("the gzip file is cut")
    return text
