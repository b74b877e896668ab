"""Exact filters of keys, groups, notes, ledgers and calls."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters  # type: ignore[import-untyped]  # no types

from billing.api.filters import KeyFilter, MomentFilter, RecordFilter, after, before, by_source
from billing.keys.values import PLACES
from billing.models import (
    ApiKey,
    CreditEntry,
    KeyAction,
    KeyGroup,
    KeyNote,
    Source,
    UsageEvent,
)
from billing.models.gateway_work import KeyActionKind, WorkStatus
from billing.models.keys import CreditKind


class ApiKeyFilter(RecordFilter):
    """Keys by what they are called and how they stand."""

    source = by_source()
    name = KeyFilter()
    prefix = KeyFilter()
    mask = KeyFilter()
    group = filters.CharFilter(field_name="group_id")
    created_after = after("created_at")
    created_before = before("created_at")

    class Meta:
        model = ApiKey
        fields = ("namespace", "active", "suspended", "is_issued_here", "is_ambiguous")


class KeyGroupFilter(RecordFilter):
    """Groups."""

    source = by_source()
    group_id = KeyFilter()

    class Meta:
        model = KeyGroup
        fields = ("name", "is_active")


def of_key() -> filters.NumberFilter:
    """By the id of the key."""
    return filters.NumberFilter(field_name="key_id")


class KeyNoteFilter(RecordFilter):
    """Notes."""

    source = filters.CharFilter(field_name="key__source__slug")
    key = of_key()

    class Meta:
        model = KeyNote
        fields = ("author",)


class CreditEntryFilter(RecordFilter):
    """Lines of ledgers."""

    source = filters.CharFilter(field_name="key__source__slug")
    key = of_key()
    kind = filters.ChoiceFilter(choices=CreditKind.choices)
    at_after = after("at")
    at_before = before("at")

    class Meta:
        model = CreditEntry
        fields = ("request_id",)


class KeyActionFilter(RecordFilter):
    """What was done to keys."""

    source = filters.CharFilter(field_name="key__source__slug")
    key = of_key()
    kind = filters.ChoiceFilter(choices=KeyActionKind.choices)
    status = filters.ChoiceFilter(choices=WorkStatus.choices)

    class Meta:
        model = KeyAction
        fields = ()


class UsageEventFilter(RecordFilter):
    """Metered calls."""

    source = by_source()
    key = of_key()
    at_after = MomentFilter(method="since")
    at_before = MomentFilter(method="until")

    class Meta:
        model = UsageEvent
        fields = ("key_prefix", "key_name", "tool", "allowed", "namespace")

    def since(self, rows: QuerySet[UsageEvent], _name: str, at: datetime) -> Any:
        """Calls from then on, through the index on the order of calls."""
        return rows.filter(at__gte=at, rank__gte=_rank(at), source_id__in=_sources())

    def until(self, rows: QuerySet[UsageEvent], _name: str, at: datetime) -> Any:
        """Calls before then."""
        return rows.filter(at__lt=at, rank__lt=_rank(at) + PLACES, source_id__in=_sources())


def _rank(at: datetime) -> int:
    """The least rank of the millisecond; times outside a rank's range are far from any call."""
    milliseconds = int(at.timestamp() * 1000)
    return max(-(2**40), min(milliseconds, 2**40)) * PLACES


def _sources() -> list[int]:
    return list(Source.objects.values_list("pk", flat=True))
