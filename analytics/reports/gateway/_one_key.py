"""One key, named in a query string: by its mask, its first characters or its number."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from rest_framework import serializers

from analytics.params import GatewayParams, GatewaySpanParams, Parameter
from analytics.problems import invalid
from analytics.query import Snapshot

NUMBER = re.compile(r"[0-9]{1,18}")
DOTS = "..."
PREFIX = 10  # characters that gateways show of a key
MASK = 32

# One index scan for each source, whatever of the three is given.
KEYS = """
select k.id, k.source_id, coalesce(nullif(k.prefix::text, '') || '...', k.mask::text) as key,
    k.mask::text as mask, k.name::text as name, k.credits, k.active, k.suspended
from billing_source s
join billing_apikey k on k.source_id = s.id
where (%(sources)s::bigint[] is null or s.id = any(%(sources)s))
  and (k.id = %(number)s::bigint or k.prefix = %(prefix)s or k.mask = %(mask)s)
order by k.id
limit 2
"""


class KeyField(serializers.CharField):
    """What names a key without giving it away."""

    default_error_messages = {
        "whole_key": "Name a key by its mask, its first 10 characters or its number:"
        " a whole key would stay in logs."
    }

    def to_internal_value(self, data: Any) -> str:
        """The text; whole_key when it is longer than what may be shown of a key."""
        name: str = super().to_internal_value(data)
        is_short = len(name) <= PREFIX or (DOTS in name and len(name) <= MASK)
        if not is_short and not NUMBER.fullmatch(name):
            self.fail("whole_key")
        return name


KeyName = Annotated[
    str | None,
    Parameter(KeyField, "The key: its mask, its first 10 characters or its number."),
]


@dataclass(frozen=True, kw_only=True)
class OneKeyParams(GatewayParams):
    """Of one key."""

    key: KeyName = None


@dataclass(frozen=True, kw_only=True)
class OneKeySpanParams(GatewaySpanParams):
    """Of one key, over a window."""

    key: KeyName = None


@dataclass(frozen=True)
class NamedKey:
    """A key as the portal knows it now; `key` is what gateways show of it."""

    id: int | None
    source_id: int | None
    key: str | None
    mask: str | None
    name: str | None
    credits: Decimal | None
    active: bool | None
    suspended: bool | None


NO_KEY = NamedKey(None, None, None, None, None, None, None, None)


def named_key(snapshot: Snapshot, name: str | None) -> NamedKey:
    """The key of that name, NO_KEY when none is asked for.

    Raises ValidationError: unknown_key, and ambiguous_key when several keys look like it.
    """
    if name is None:
        return NO_KEY
    found = snapshot.fetch(NamedKey, KEYS, **_meaning(name))
    if not found:
        raise invalid("key", "There is no such key.", "unknown_key")
    if len(found) > 1:
        text = "Several keys look like this: name one by its number."
        raise invalid("key", text, "ambiguous_key")
    return found[0]


def _meaning(name: str) -> dict[str, str | int | None]:
    """Digits are a number; what ends in dots is a beginning; dots elsewhere make a mask."""
    is_number = NUMBER.fullmatch(name) is not None
    return {
        "number": int(name) if is_number else None,
        "prefix": None if is_number else name.removesuffix(DOTS),
        "mask": None if is_number else name,
    }
