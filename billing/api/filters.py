"""Exact filters of the records: one parameter for each exact field, by its own name."""

import re
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters  # type: ignore[import-untyped]  # no types
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from billing.models import (
    AdminToken,
    Asset,
    Event,
    EventConflict,
    NativePrice,
    Network,
    Payment,
    RejectedEvent,
    RevenueRecord,
    SettlementBatch,
    Source,
)
from billing.models.events import RejectedStatus
from billing.models.payments import Status
from billing.models.revenue import RevenueKind
from billing.models.sources import SourceKind
from billing.models.tokens import Role

NOT_FILTERS = {"cursor", "page_size", "ordering", "format"}
_HEX = re.compile(r"0[xX][0-9a-fA-F]+")


class HexFilter(filters.CharFilter):  # type: ignore[misc]  # untyped upstream
    """An address or transaction: EVM ones in any case, others exactly as written."""

    def filter(self, qs: QuerySet[Model], value: Any) -> QuerySet[Model]:
        """The rows with this address or transaction."""
        texts = {value, value.lower()} if _HEX.fullmatch(value or "") else {value}
        return qs.filter(**{f"{self.field_name}__in": texts}) if value else qs


class KeyFilter(filters.CharFilter):  # type: ignore[misc]  # untyped upstream
    """A producer's own id: unique within a source, and found through the index that says so."""

    def filter(self, qs: QuerySet[Model], value: Any) -> QuerySet[Model]:
        """The rows with this id, whichever source they are of."""
        if not value:
            return qs
        path, _, _ = self.field_name.rpartition("__")
        source = f"{path}__source_id__in" if path else "source_id__in"
        # The index begins with the source: naming them all lets PostgreSQL enter it.
        sources = list(Source.objects.values_list("pk", flat=True))
        return qs.filter(**{source: sources, self.field_name: value})


class MomentField(filters.IsoDateTimeFilter.field_class):  # type: ignore[misc]  # untyped upstream
    """A moment of ISO 8601 in UTC: PostgreSQL takes no offset from 16 hours up, Python does."""

    def to_python(self, value: Any) -> datetime | None:
        """The moment; ValidationError outside the years 1 to 9999."""
        moment: datetime | None = super().to_python(value)
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError as error:
            raise forms.ValidationError(_("Enter a moment of the years 1 to 9999.")) from error


class MomentFilter(filters.IsoDateTimeFilter):  # type: ignore[misc]  # untyped upstream
    """A bound of times."""

    field_class = MomentField


def after(column: str) -> MomentFilter:
    """From this moment on."""
    return MomentFilter(field_name=column, lookup_expr="gte")


def before(column: str) -> MomentFilter:
    """Before this moment."""
    return MomentFilter(field_name=column, lookup_expr="lt")


def by_source() -> filters.CharFilter:
    """By the slug of the source."""
    return filters.CharFilter(field_name="source__slug")


def refuse_unknown(request: Request, filterset: type["RecordFilter"]) -> None:
    """ValidationError for a parameter that is no filter: a typing error must not show it all."""
    unknown = set(request.query_params) - set(filterset.base_filters) - NOT_FILTERS
    if unknown:
        raise ValidationError({name: ["There is no such parameter."] for name in sorted(unknown)})


class RecordFilter(filters.FilterSet):  # type: ignore[misc]  # untyped upstream
    """Filters of one kind of record."""


class PaymentFilter(RecordFilter):
    """Payments by everything that identifies them, and by time."""

    payment_id = KeyFilter()
    source = by_source()
    status = filters.ChoiceFilter(choices=Status.choices)
    network = filters.CharFilter(field_name="network_id")
    payer = HexFilter()
    payee = HexFilter()
    asset = HexFilter()
    transaction = HexFilter()
    resource = filters.CharFilter()
    started_after = after("started_at")
    started_before = before("started_at")
    settled_after = after("settled_at")
    settled_before = before("settled_at")

    class Meta:
        model = Payment
        fields = ("scheme", "kind", "error_class", "failed_stage", "is_disputed")


class BatchFilter(RecordFilter):
    """Batches."""

    source = by_source()
    network = filters.CharFilter(field_name="network_id")
    transaction = HexFilter()
    batch_id = KeyFilter()
    payment_id = KeyFilter(field_name="shares__payment_id")
    settled_after = after("settled_at")
    settled_before = before("settled_at")

    class Meta:
        model = SettlementBatch
        fields = ()


class RevenueRecordFilter(RecordFilter):
    """Lines of the money book."""

    payment_id = KeyFilter()
    source = by_source()
    kind = filters.ChoiceFilter(choices=RevenueKind.choices)
    network = filters.CharFilter(field_name="network_id")
    asset = HexFilter()
    at_after = after("at")
    at_before = before("at")

    class Meta:
        model = RevenueRecord
        fields = ("batch_id", "event_id", "is_projection")


class EventFilter(RecordFilter):
    """Events."""

    event_id = KeyFilter()
    payment_id = KeyFilter()
    source = by_source()
    received_after = after("received_at")
    received_before = before("received_at")

    class Meta:
        model = Event
        fields = ("type",)


class ConflictFilter(RecordFilter):
    """Contested ids."""

    event_id = KeyFilter()
    source = by_source()

    class Meta:
        model = EventConflict
        fields = ()


class RejectedEventFilter(RecordFilter):
    """The quarantine."""

    source = by_source()
    status = filters.ChoiceFilter(choices=RejectedStatus.choices)

    class Meta:
        model = RejectedEvent
        fields = ("code",)


class SourceFilter(RecordFilter):
    """Producers."""

    kind = filters.ChoiceFilter(choices=SourceKind.choices)

    class Meta:
        model = Source
        fields = ("slug",)


class NetworkFilter(RecordFilter):
    """Chains."""

    class Meta:
        model = Network
        fields = ("chain_id", "name", "family", "is_registered", "is_testnet")


class AssetFilter(RecordFilter):
    """Tokens of the registry."""

    network = filters.CharFilter(field_name="network_id")
    address = HexFilter()
    unpriced = filters.BooleanFilter(field_name="usd_peg", lookup_expr="isnull")

    class Meta:
        model = Asset
        fields = ("symbol",)


class NativePriceFilter(RecordFilter):
    """Prices of native coins."""

    network = filters.CharFilter(field_name="network_id")

    class Meta:
        model = NativePrice
        fields = ()


class TokenFilter(RecordFilter):
    """Tokens of REST clients."""

    source = by_source()
    role = filters.ChoiceFilter(choices=Role.choices)

    class Meta:
        model = AdminToken
        fields = ("public_id", "name", "can_ingest")
