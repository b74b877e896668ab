"""May this key make this call? The gateway's own checks, in its order, with its words."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.keys.values import readable_networks
from billing.tokens import in_networks

Quota = dict[str, Any]


@dataclass(frozen=True)
class Standing:
    """A key as it stands under its row lock, its group's policy, its source's limits.

    Quantities are credits and calls; `now` is the database's clock. Fields of the group are
    empty or 0 without an active group.
    """

    id: int
    name: str
    prefix: str
    namespace: str
    active: bool
    suspended: bool
    expires_at: datetime | None
    credits: Decimal
    total_spent: Decimal
    spending_limit: Decimal
    allowed_tools: list[str]
    denied_tools: list[str]
    networks: list[str]
    quota: Quota | None
    day: str
    month: str
    daily_calls: int
    monthly_calls: int
    daily_credits: Decimal
    monthly_credits: Decimal
    calls_per_minute: int
    price: Decimal
    now: datetime


@dataclass(frozen=True)
class Call:
    """A call to be checked: its tool, its price in credits, the caller's address if known."""

    tool: str
    price: Decimal
    address: str | None


def refusal(key: Standing, call: Call, recent_calls: Callable[[], int]) -> str | None:
    """Why the call is refused, or None. `recent_calls` counts those of the last minute."""
    return (
        _of_standing(key)
        or _of_address(key, call)
        or _of_tools(key, call)
        or _of_rate(key, recent_calls)
        or _of_balance(key, call)
        or _of_quota(key, call)
    )


def _of_standing(key: Standing) -> str | None:
    if not key.active:
        return "invalid_api_key: revoked"
    if key.expires_at is not None and key.expires_at <= key.now:
        return "api_key_expired"
    return "key_suspended" if key.suspended else None


def _of_address(key: Standing, call: Call) -> str | None:
    """A list of addresses also refuses callers whose address is not told."""
    networks = readable_networks(key.networks)
    if not key.networks or (call.address and in_networks(call.address, networks)):
        return None
    return f"ip_not_allowed: {call.address or 'unknown address'} not in allowlist"


def _of_tools(key: Standing, call: Call) -> str | None:
    if call.tool in key.denied_tools:
        return f"tool_denied: {call.tool} is in deniedTools"
    if key.allowed_tools and call.tool not in key.allowed_tools:
        return f"tool_not_allowed: {call.tool} not in allowedTools"
    return None


def _of_rate(key: Standing, recent_calls: Callable[[], int]) -> str | None:
    limit = key.calls_per_minute
    if limit and recent_calls() >= limit:
        return f"rate_limited: {limit} calls/min exceeded"
    return None


def _of_balance(key: Standing, call: Call) -> str | None:
    if key.credits < call.price:
        return "insufficient_credits"
    limit = key.spending_limit
    return "spending_limit_exceeded" if 0 < limit < key.total_spent + call.price else None


def _of_quota(key: Standing, call: Call) -> str | None:
    for period, span in (("daily", "today"), ("monthly", "this month")):
        calls, credits = used(key, period)
        most_calls, most_credits = _limit(key, period, "Call"), _limit(key, period, "Credit")
        if 0 < most_calls <= calls:
            return f"{period}_call_quota_exceeded: {calls}/{most_calls} calls {span}"
        if 0 < most_credits < credits + call.price:
            unit = "day" if period == "daily" else "month"
            asked = f"{_plain(credits)}+{_plain(call.price)}"
            return (
                f"{period}_credit_quota_exceeded: {asked} would exceed"
                f" {most_credits} credits/{unit}"
            )
    return None


def used(key: Standing, period: str) -> tuple[int, Decimal]:
    """Calls and credits of this UTC day ("daily") or month; counters of an older one are over."""
    if period == "daily":
        is_current = key.day == f"{key.now:%Y-%m-%d}"
        calls, credits = key.daily_calls, key.daily_credits
    else:
        is_current = key.month == f"{key.now:%Y-%m}"
        calls, credits = key.monthly_calls, key.monthly_credits
    return (calls, credits) if is_current else (0, Decimal(0))


def _limit(key: Standing, period: str, what: str) -> int:
    return int((key.quota or {}).get(f"{period}{what}Limit") or 0)


def _plain(credits: Decimal) -> str:
    """All digits, no exponent, no idle zeros."""
    text = f"{credits:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
