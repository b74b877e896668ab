"""Which of a gateway's keys is meant. It takes a key in full only, and the portal has none.

Aliases are not used: they can be moved to another key in the meantime.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from billing.keys.gateway_api import GatewayApi, NoAnswer, NotSent, Refusal
from billing.keys.secrets import is_secret_of
from billing.models import ApiKey

PAGE = 1_000
NO_EXPORT = "The gateway does not let the portal look the key up"
Exported = Mapping[str, Any]


class Standing(msgspec.Struct):
    """A key as the gateway has it: what tells whether an action was carried out."""

    secret: str
    allocated: str
    active: bool
    suspended: bool


def look_up(api: GatewayApi, keys: list[ApiKey]) -> list[Standing]:
    """The keys at the gateway, by its export; what else is in there is dropped at once.

    NotSent when the export cannot be had now; Refusal when it is refused, a key is not there, or
    more than one may be it.
    """
    found: list[list[Exported]] = [[] for _ in keys]
    for record in _exported(api):
        secret = record.get("key")
        for matches, key in zip(found, keys, strict=True):
            if isinstance(secret, str) and _is_it(record, secret, key):
                matches.append(record)
        if all(_is_found(matches, key) for matches, key in zip(found, keys, strict=True)):
            break
    return [_the_one(matches, key) for matches, key in zip(found, keys, strict=True)]


def _exported(api: GatewayApi) -> Iterator[Exported]:
    offset = 0
    while True:
        try:
            page = api.get("/keys/export", limit=PAGE, offset=offset)
        except NoAnswer as error:
            raise NotSent(str(error)) from error
        except Refusal as error:
            raise Refusal(
                f"The gateway does not let the portal look the key up: {error}"
            ) from error
        records = page.get("keys")
        if not isinstance(records, list) or not records:
            return
        yield from (record for record in records if isinstance(record, Mapping))
        offset += len(records)


def _is_it(record: Exported, secret: str, key: ApiKey) -> bool:
    if not is_secret_of(secret, key):
        return False
    return key.digest is not None or record.get("name") == key.name


def _is_found(matches: list[Exported], key: ApiKey) -> bool:
    """Without a digest, another one later on may look the same."""
    return bool(matches) and key.digest is not None


def _the_one(matches: list[Exported], key: ApiKey) -> Standing:
    if not matches:
        raise Refusal(f"The gateway has no key that is {key}.")
    if len(matches) > 1:
        raise Refusal(f"More than one key of the gateway may be {key}: give the key in full.")
    record = matches[0]
    allocated = Decimal(record.get("credits") or 0) + Decimal(record.get("totalSpent") or 0)
    return Standing(
        secret=record["key"],
        allocated=str(allocated),
        active=record.get("active") is not False,
        suspended=record.get("suspended") is True,
    )
