"""A gateway's own settings: start, limits, prices; from its answers or a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from billing.gateway.records import LONGEST_NAME, Record, count, instant, number, verbatim
from billing.ingest.decode import Rejection
from billing.models import GatewayConfig, Source, ToolPrice

LONGEST_TOOL = 1_000


@dataclass(frozen=True)
class Settings:
    """What a document says; a field it does not mention is not in `fields`."""

    fields: dict[str, Any]
    prices: dict[str, str] | None


def read_settings(document: Record) -> Settings:
    """From /pricing, /info, /status, /admin/sla, or {"startedAt", "toolPricing",
    "globalRateLimitPerMin", "globalQuota"}. Raises Rejection when the document has none of it."""
    parts = [document, *(_part(document, name) for name in ("server", "pricing", "config"))]
    fields: dict[str, Any] = {}
    started = _first(document.get("startedAt"), _part(document, "uptime").get("startedAt"))
    _put(fields, "started_at", started, _moment)
    _put(fields, "server_version", document.get("version"), lambda v: verbatim(v, "version", 64))
    limit = _first(
        _in(parts, "globalRateLimitPerMin"), _part(document, "rateLimit").get("globalPerMin")
    )
    _put(fields, "rate_limit_per_min", limit, lambda v: count(v, "globalRateLimitPerMin"))
    price = _in(parts, "defaultCreditsPerCall")
    _put(fields, "default_credits", price, lambda v: _cost(v, "defaultCreditsPerCall"))
    if any("globalQuota" in part for part in parts):
        fields["quota"] = read_quota(_in(parts, "globalQuota"))
    prices = _prices(_in(parts, "toolPricing"))
    if not fields and prices is None:
        raise Rejection("not_settings", "the document names no start, limit, quota or price")
    return Settings(fields, prices)


def store_settings(source: Source, settings: Settings) -> int:
    """Take the settings over; what the document did not mention stays. How many changed."""
    with transaction.atomic():
        GatewayConfig.objects.get_or_create(source=source)
        config = GatewayConfig.objects.select_for_update().get(source=source)
        changed = _changed_fields(config, settings.fields)
        if changed:
            GatewayConfig.objects.filter(source=source).update(**changed, updated_at=Now())
        return len(changed) + _store_prices(source, settings.prices)


def _changed_fields(config: GatewayConfig, fields: dict[str, Any]) -> dict[str, Any]:
    columns = {column.name: column for column in GatewayConfig._meta.concrete_fields}
    wanted = {name: columns[name].to_python(value) for name, value in fields.items()}
    return {name: value for name, value in wanted.items() if getattr(config, name) != value}


def _store_prices(source: Source, prices: dict[str, str] | None) -> int:
    """Make the price list this one; how many prices came, went or changed."""
    if prices is None:
        return 0
    listed = ToolPrice.objects.filter(source=source)
    known = dict(listed.values_list("tool", "credits_per_call"))
    gone = listed.exclude(tool__in=prices).delete()[0]
    changed = [
        ToolPrice(source=source, tool=tool, credits_per_call=price)
        for tool, price in prices.items()
        if known.get(tool) != Decimal(price)
    ]
    ToolPrice.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["source", "tool"],
        update_fields=["credits_per_call"],
    )
    return gone + len(changed)


def _put(fields: dict[str, Any], name: str, value: Any, reader: Any) -> None:
    if value is not None:
        fields[name] = reader(value)


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _in(parts: list[Record], name: str) -> Any:
    return _first(*(part.get(name) for part in parts))


def _part(document: Record, name: str) -> Record:
    part = document.get(name)
    return part if isinstance(part, Mapping) else {}


def _moment(value: Any) -> datetime:
    if isinstance(value, int) and not isinstance(value, bool):
        value = _of_epoch(value)
    return datetime.fromisoformat(instant(value, "startedAt"))


def _of_epoch(milliseconds: int) -> str:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()
    except (ValueError, OverflowError, OSError) as error:
        raise Rejection("bad_timestamp", "startedAt is out of range") from error


def read_quota(value: Any) -> dict[str, int] | None:
    """A global quota: limits by name, null for none. Raises Rejection."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise Rejection("wrong_type", "globalQuota is not an object")
    return {
        verbatim(name, "globalQuota", LONGEST_NAME) or "": count(limit, str(name))
        for name, limit in value.items()
    }


def _prices(listed: Any) -> dict[str, str] | None:
    if listed is None:
        return None
    if not isinstance(listed, Mapping):
        raise Rejection("wrong_type", "toolPricing is not an object")
    return {
        verbatim(tool, "tool", LONGEST_TOOL) or "": _price(entry) for tool, entry in listed.items()
    }


def _price(entry: Any) -> str:
    value = entry.get("creditsPerCall") if isinstance(entry, Mapping) else entry
    return _cost(value, "creditsPerCall")


def _cost(value: Any, field: str) -> str:
    """A price; one below zero would pay callers."""
    price = number(value, field)
    if price.startswith("-"):
        raise Rejection("negative_number", f"{field} is negative")
    return price
