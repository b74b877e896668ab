"""The recorded gateway at another time, with other names and other keys, and nothing else changed.

What orders decide is kept: new names sort as the old ones do, also beside the gateway's own words,
and numbers stay numbers in their order. Times move by whole weeks, so that hours, days of the week
and all distances stay; dates, months and years are others.
"""

import hashlib
import json
import random
import re
from bisect import bisect
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from billing.api.renderers import exact_json

SHIFT = timedelta(weeks=-9)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
OWN_WORDS = ["default", "unknown", "unnamed"]
BETWEEN = ["b", "m", "unl", "z"]  # what sorts before, between and after the gateway's own words
DATE = re.compile(r"\b\d{4}-\d\d-\d\d")
KEY = re.compile(r"pg_[0-9a-f]+(?:\.{3}[0-9a-f]*)?")
NAMED = (
    r"((?:Allowed|Denied|Key created|Group created|tool_denied|tool_rate_limited|tool_not_allowed)"
    r': |Key ")({names})(?=$| is in | limited to | not in |" )'
)


class Shifted:
    """Recorded texts, moved and renamed."""

    def __init__(self, backup: bytes, info: bytes, usage: bytes) -> None:
        """Learn every name and key from these."""
        data = json.loads(backup)["data"]
        prices = json.loads(info)["pricing"]["toolPricing"]
        tools = {event["tool"] for event in json.loads(usage)["events"]} | set(prices)
        spaces = {key["namespace"] for key in data["keys"]}
        names = {item["name"] for item in [*data["keys"], *data["groups"]]}
        self.names = renamed(names | tools | spaces)
        self.keys = rekeyed([key["key"] for key in data["keys"]])
        # objects have members of these names; a key may be called as one of the gateway's own
        self._members = {old: self.names[old] for old in (tools | spaces) & set(self.names)}
        longest_first = sorted(self.names, key=len, reverse=True)
        self._named = re.compile(NAMED.format(names="|".join(map(re.escape, longest_first))))

    def file(self, recorded: bytes) -> bytes:
        """A recorded file; a backup gets the checksum of what it says now."""
        document = self.document(json.loads(recorded, parse_float=Decimal))
        if "checksum" in document:
            data = exact_json(document["data"])
            document["checksum"] = hashlib.sha256(data).hexdigest()
        return exact_json(document)

    def document(self, value: Any) -> Any:
        """The same at another time with other names."""
        if isinstance(value, dict):
            return _reset({self._member(name): self.document(v) for name, v in value.items()})
        if isinstance(value, list):
            return [self.document(item) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        """A name, or a text with names, keys and times in it."""
        return self.names.get(text) or self._sentence(text)

    def _member(self, name: str) -> str:
        return self._members.get(name) or self._sentence(name)

    def _sentence(self, text: str) -> str:
        named = self._named.sub(lambda m: m[1] + self.names[m[2]], text)
        keyed = KEY.sub(lambda m: self.keys.get(m[0], m[0]), named)
        return DATE.sub(lambda m: (date.fromisoformat(m[0]) + SHIFT).isoformat(), keyed)


def _reset(record: dict[str, Any]) -> dict[str, Any]:
    """A key's month of quota is that of its day."""
    if "quotaLastResetMonth" in record:
        record["quotaLastResetMonth"] = record["quotaLastResetDay"][:7]
    return record


def renamed(names: Iterable[str]) -> dict[str, str]:
    """New names of other lengths that sort as the old ones do."""
    others = sorted(set(names) - set(OWN_WORDS))
    words = [name for name in others if not name.isdigit()]
    numbers = {name: f"1{name}" for name in others if name.isdigit()}
    return numbers | {name: _renamed(place, name) for place, name in enumerate(words)}


def _renamed(place: int, name: str) -> str:
    first, second = divmod(place * 5, len(LETTERS))
    rank = BETWEEN[bisect(OWN_WORDS, name)] + LETTERS[first] + LETTERS[second]
    return f"{rank}{'-' * (place % 4)}{name[::-1]}"


def rekeyed(secrets: list[str]) -> dict[str, str]:
    """For each key another one, in full, by its beginning and by its mask."""
    draw = random.Random(20_260_216)
    found: dict[str, str] = {}
    for secret in secrets:
        new = f"pg_{draw.getrandbits(192):048x}"
        found |= dict(zip(_shown(secret), _shown(new), strict=True))
    assert len(set(found.values())) == len(found) == len(secrets) * 4
    return found


def _shown(secret: str) -> tuple[str, str, str, str]:
    return (
        secret,
        secret[:10],
        f"{secret[:10]}...",
        f"{secret[:7]}...{secret[-4:]}",
    )
