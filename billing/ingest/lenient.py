"""Cutting an array whose items are not all JSON, so that one bad event does not refuse the rest.

Producers do send NaN, lone surrogates and text that is not UTF-8. The cut is by the standard
library's laxer reader; each item is then judged strictly on its own.
"""

import json
import re

_ARRAY = re.compile(r'(?:\{\s*"events"\s*:\s*)?\[[ \t\r\n]*')
_NEXT = re.compile(r"[ \t\r\n]*([,\]])[ \t\r\n]*")
_DECODER = json.JSONDecoder(strict=False)


def cut_leniently(body: bytes) -> list[bytes] | None:
    """The items of an array, or of {"events": [...]}, verbatim; None when it cannot be cut."""
    text = body.decode("utf-8", "surrogateescape")
    opening = _ARRAY.match(text)
    if opening is None:
        return None
    closing = "}" if text.startswith("{") else ""
    try:
        return _items(text, opening.end(), closing)
    except (ValueError, RecursionError):
        return None


def _items(text: str, at: int, closing: str) -> list[bytes]:
    """The items from `at` on; ValueError when what follows is not an array and then `closing`."""
    items = []
    separator = ","
    while separator == ",":
        end = _DECODER.raw_decode(text, at)[1]
        items.append(text[at:end].encode("utf-8", "surrogateescape"))
        after = _NEXT.match(text, end)
        if after is None:
            raise ValueError("neither a comma nor the end")
        separator, at = after.group(1), after.end()
    if text[at:].strip() != closing:
        raise ValueError("something follows the array")
    return items
