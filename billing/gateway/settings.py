"""A gateway's own settings: start, limits, prices; from its answers or a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from billing.gateway.records import Record, count, instant, number, verbatim
from billing.ingest.decode import Rejection
from billing.models import GatewayConfig, Source, ToolPrice

LONGEST_TOOL = 1_000


@dataclass(frozen=True)
class Settings:
    """What a document says; a field it does not mention is not in `fields`."""

    fields: dict[str, Any]
    prices: dict[str, str] | None


def read_settings(document: Record) -> Settings:
    """From /pricing, /info, /status, or {"startedAt", "toolPricing", "globalRateLimitPerMin",
    "globalQuota"}. Raises Rejection when the document has nothing of it."""
    server = _part(document, "server")
    pricing = _part(document, "pricing")
    fields: dict[str, Any] = {}
    _put(fields, "started_at", document.get("startedAt"), _moment)
    _put(fields, "server_version", document.get("version"), lambda v: verbatim(v, "version", 64))
    limit = _first(
        document.get("globalRateLimitPerMin"),
        server.get("globalRateLimitPerMin"),
        _part(document, "rateLimit").get("globalPerMin"),
    )
    _put(fields, "rate_limit_per_min", limit, lambda v: count(v, "globalRateLimitPerMin"))
    price = _first(
        document.get("defaultCreditsPerCall"),
        server.get("defaultCreditsPerCall"),
        pricing.get("defaultCreditsPerCall"),
    )
    _put(fields, "default_credits", price, lambda v: number(v, "defaultCreditsPerCall"))
    if "globalQuota" in document or "globalQuota" in server:
        fields["quota"] = _quota(_first(document.get("globalQuota"), server.get("globalQuota")))
    prices = _prices(document, pricing)
    if not fields and prices is None:
        raise Rejection("not_settings", "the document names no start, limit, quota or price")
    return Settings(fields, prices)


def store_settings(source: Source, settings: Settings) -> None:
    """Take the settings over; what the document did not mention stays."""
    with transaction.atomic():
        GatewayConfig.objects.update_or_create(
            source=source, defaults=settings.fields | {"updated_at": Now()}
        )
        if settings.prices is not None:
            ToolPrice.objects.filter(source=source).exclude(tool__in=settings.prices).delete()
            ToolPrice.objects.bulk_create(
                [
                    ToolPrice(source=source, tool=tool, credits_per_call=price)
                    for tool, price in settings.prices.items()
                ],
                update_conflicts=True,
                unique_fields=["source", "tool"],
                update_fields=["credits_per_call"],
            )


def _put(fields: dict[str, Any], name: str, value: Any, reader: Any) -> None:
    if value is not None:
        fields[name] = reader(value)


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _part(document: Record, name: str) -> Record:
    part = document.get(name)
    return part if isinstance(part, Mapping) else {}


def _moment(value: Any) -> datetime:
    if isinstance(value, int) and not isinstance(value, bool):
        value = datetime.fromtimestamp(value / 1000, UTC).isoformat()
    return datetime.fromisoformat(instant(value, "startedAt"))


def _quota(value: Any) -> dict[str, int] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise Rejection("wrong_type", "globalQuota is not an object")
    return {str(name): count(limit, str(name)) for name, limit in value.items()}


def _prices(document: Record, pricing: Record) -> dict[str, str] | None:
    listed = _first(document.get("toolPricing"), pricing.get("toolPricing"))
    if listed is None:
        return None
    if not isinstance(listed, Mapping):
        raise Rejection("wrong_type", "toolPricing is not an object")
    return {
        verbatim(tool, "tool", LONGEST_TOOL) or "": _price(entry) for tool, entry in listed.items()
    }


def _price(entry: Any) -> str:
    value = entry.get("creditsPerCall") if isinstance(entry, Mapping) else entry
    return number(value, "creditsPerCall")
