"""Metered calls to export."""

from typing import Any

from billing.models import UsageEvent
from tests.api.callers import source


def calls(at: str, count: int, **fields: Any) -> None:
    """Metered calls of one moment."""
    given = {"source": source("gate", kind="paygate"), "at": at, "key_prefix": "pk", "credits": 2}
    given |= {"key_name": "k", "tool": "t", "allowed": True, **fields}
    first = UsageEvent.objects.count()
    UsageEvent.objects.bulk_create(
        UsageEvent(**given, rank=n, content_hash=str(n).encode())
        for n in range(first, first + count)
    )
