"""The facts in the admin: money and events are looked up, not edited."""

from billing.admin import (
    batches,
    gateways,
    inbox,
    key_actions,
    key_facts,
    keys,
    payments,
    polling,
    registry,
    rejected,
    revenue,
    second_factor,
    sources,
    tokens,
    users,
)

__all__ = [
    "batches",
    "gateways",
    "inbox",
    "key_actions",
    "key_facts",
    "keys",
    "payments",
    "polling",
    "registry",
    "rejected",
    "revenue",
    "second_factor",
    "sources",
    "tokens",
    "users",
]
