"""What the fields of a key may hold: checked alike for the API, the admin and gateways."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import ip_network
from typing import Any

from django.db import connection

NAMESPACE = re.compile(r"[a-z0-9-]{1,50}")
LONGEST_TAG = 100
MOST_TAGS = 50
LIMITS = ("dailyCallLimit", "monthlyCallLimit", "dailyCreditLimit", "monthlyCreditLimit")
LARGEST_LIMIT = 10**15
_MAPPED_BITS = 96  # that an IPv4 address has before it as an IPv6 one
PLACES = 1 << 20  # calls of one millisecond that a rank tells apart


def now_ms() -> datetime:
    """The database's clock, to the millisecond as gateways count."""
    with connection.cursor() as cursor:
        cursor.execute("select date_trunc('milliseconds', clock_timestamp())")
        moment: datetime = cursor.fetchone()[0]
    return moment


def checked_namespace(text: str) -> str:
    """The namespace. ValueError when it is none."""
    if not NAMESPACE.fullmatch(text):
        raise ValueError("Use 1 to 50 of a-z, 0-9 and -.")
    return text


def checked_networks(networks: Sequence[str]) -> list[str]:
    """CIDR networks in their canonical form; one address is a network of one. Or ValueError."""
    return [str(ip_network(text.strip(), strict=False)) for text in networks]


def readable_networks(networks: Sequence[str]) -> list[str]:
    """The networks among texts that a gateway may have let pass; an IPv4 one as such.

    Addresses are compared as IPv4 where they stand for it, so networks are, too.
    """
    found = []
    for text in networks:
        try:
            network = ip_network(text.strip(), strict=False)
        except ValueError:
            continue  # no address is in what is no network
        mapped = getattr(network.network_address, "ipv4_mapped", None)
        is_mapped = mapped is not None and network.prefixlen >= _MAPPED_BITS
        found.append(f"{mapped}/{network.prefixlen - _MAPPED_BITS}" if is_mapped else str(network))
    return found


def checked_tags(tags: Any) -> dict[str, str]:
    """Names and values of tags. ValueError when they are no such thing, too many or too long."""
    if not isinstance(tags, Mapping) or len(tags) > MOST_TAGS:
        raise ValueError(f"Give an object of at most {MOST_TAGS} names and texts.")
    for name, value in tags.items():
        if not isinstance(value, str) or not 0 < len(name) <= LONGEST_TAG >= len(value):
            raise ValueError(f"Names and values are texts of at most {LONGEST_TAG} characters.")
        if "\0" in name + value:
            raise ValueError("NUL is not allowed.")
    return dict(tags)


def checked_tag_changes(tags: Any) -> dict[str, str | None]:
    """As `checked_tags`, where null removes a tag."""
    if not isinstance(tags, Mapping):
        raise ValueError("Give an object of names and texts.")
    checked_tags({name: "" if value is None else value for name, value in tags.items()})
    return dict(tags)


def checked_quota(quota: Any) -> dict[str, int] | None:
    """Limits a day and a month (UTC), 0 = none. ValueError for others."""
    if quota is None:
        return None
    if not isinstance(quota, Mapping) or set(quota) - set(LIMITS):
        raise ValueError(f"Give an object of {', '.join(LIMITS)}.")
    for limit in quota.values():
        if isinstance(limit, bool) or not isinstance(limit, int) or not 0 <= limit <= LARGEST_LIMIT:
            raise ValueError("A limit is a whole number, 0 = none.")
    return {name: quota.get(name, 0) for name in LIMITS}
