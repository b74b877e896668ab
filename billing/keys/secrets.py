"""The secrets of consumer keys: made, described by what may be stored, and found again."""

import re
import secrets
from dataclasses import dataclass

from django.db.models import QuerySet

from billing.gateway.records import PREFIX
from billing.gateway.redact import mask
from billing.models import ApiKey
from billing.tokens import digests

FULL_KEY = re.compile(r"pg_[0-9A-Za-z]{16,}")  # also what a gateway's operator made up
SECRET_BYTES = 24


@dataclass(frozen=True)
class Traces:
    """What remains of a secret: its beginning, its mask, its newest keyed digest."""

    prefix: str
    mask: str
    digest: str
    pepper_version: int


def new_secret() -> str:
    """`pg_` and 48 hexadecimal digits, as gateways make them."""
    return f"pg_{secrets.token_hex(SECRET_BYTES)}"


def traces(secret: str) -> Traces:
    """What may be stored of a secret."""
    known = digests(secret.encode())
    return Traces(secret[:PREFIX], mask(secret), known[0], len(known))


def find_keys(secret: str) -> QuerySet[ApiKey]:
    """The keys with this secret: at most one of each source."""
    return ApiKey.objects.filter(digest__in=digests(secret.encode()))


def is_secret_of(secret: str, key: ApiKey) -> bool:
    """Whether a secret may be that key's, by all that is known of it."""
    if key.digest is not None:
        return key.digest in digests(secret.encode())
    seen = traces(secret)
    return (not key.prefix or key.prefix == seen.prefix) and (not key.mask or key.mask == seen.mask)
