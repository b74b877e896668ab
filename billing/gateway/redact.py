"""Key secrets leave the text at the door: what is stored, logged or shown has their mask only."""

import re
from typing import Any

# pg_ + 48 hex are consumer keys, ak_ + 32 hex admin keys; a caller's own spelling may be shorter.
# As made by a gateway it is found inside a word too, such as the n of an escaped line break.
_SPELLING = r"\b(?:pg|ak)_[0-9A-Za-z]{16,}|(?:pg|ak)_[0-9A-Fa-f]{32,}"
SECRET = re.compile(_SPELLING)
SECRET_BYTES = re.compile(_SPELLING.encode())
SECRET_MEMBERS = frozenset(
    ("webhooksecret", "secret", "password", "adminkey", "apikeysecret", "clientsecret", "token")
)
_MEMBER_BYTES = re.compile(
    rb'("(?:webhookSecret|secret|password|adminKey|clientSecret|token)"\s*:\s*")(?:[^"\\]|\\.)*"?'
)
_ESCAPED = re.compile(rb"(?<!\\)\\u00(3[0-9]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9Aa])")
SHORTEST = 10
REMOVED = "***"


def mask(secret: str) -> str:
    """As the gateway masks: 7 characters, three dots, 4 characters; *** when shorter than 10."""
    return f"{secret[:7]}...{secret[-4:]}" if len(secret) >= SHORTEST else REMOVED


def redacted(value: Any) -> Any:
    """A decoded JSON value with every secret masked, and members that hold secrets removed."""
    if isinstance(value, str):
        return SECRET.sub(lambda found: mask(found.group()), value)
    if isinstance(value, dict):
        return {redacted(name): _member(name, member) for name, member in value.items()}
    if isinstance(value, list):
        return [redacted(member) for member in value]
    return value


def _member(name: str, value: Any) -> Any:
    is_named_so = name.replace("_", "").lower() in SECRET_MEMBERS
    is_secret = is_named_so and isinstance(value, str | list | dict)
    return REMOVED if is_secret and value else redacted(value)


def redacted_bytes(body: bytes) -> bytes:
    """The same for text that cannot be decoded."""
    plain = _ESCAPED.sub(lambda found: bytes([int(found.group(1), 16)]), body)
    masked = SECRET_BYTES.sub(lambda found: mask(found.group().decode()).encode(), plain)
    return _MEMBER_BYTES.sub(rb'\1***"', masked)
