"""The records: facts are read here, never written; events come in at billing.api.events_view."""

from typing import Any, ClassVar, TypeVar

from django.db.models import Model, QuerySet
from django.db.models.functions import Now
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from billing.api import filters, serializers
from billing.api.pagination import KeysetPagination
from billing.api.parsers import ExactJSONParser
from billing.api.permissions import access_of, limited_to
from billing.ingest import replay as send_again
from billing.models import (
    EventConflict,
    Payment,
    RejectedEvent,
    RevenueRecord,
    SettlementBatch,
)
from billing.models.events import RejectedStatus
from billing.models.tokens import Role

Row = TypeVar("Row", bound=Model)


class RecordViewSet(GenericViewSet[Row]):
    """Pages of records, limited to the caller's source, with exact filters.

    `scope_column` leads from a row to its source (None = rows that belong to no source).
    """

    parser_classes = (ExactJSONParser,)
    pagination_class = KeysetPagination
    filterset_class: ClassVar[type[filters.RecordFilter]]
    scope_column: ClassVar[str | None] = "source"
    orderings: ClassVar[tuple[str, ...]] = ("-id",)

    def get_queryset(self) -> QuerySet[Row]:
        """The rows the caller may see."""
        return limited_to(super().get_queryset(), access_of(self.request), self.scope_column)

    def filter_queryset(self, queryset: Any) -> Any:
        """The rows asked for; a single record is found by its address alone."""
        if self.detail:
            return queryset
        filters.refuse_unknown(self.request, self.filterset_class)
        return super().filter_queryset(queryset)


class ReadOnlyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, RecordViewSet[Row]):
    """Records that come from events alone."""


class PaymentViewSet(ReadOnlyViewSet[Payment]):
    """Payments with the time of each of their stages."""

    # A row without status was only named by another fact so far: not a payment yet.
    queryset = Payment.objects.filter(status__isnull=False).select_related("source")
    serializer_class = serializers.PaymentSerializer
    filterset_class = filters.PaymentFilter
    orderings = ("-id", "started_at", "settled_at")


class BatchViewSet(ReadOnlyViewSet[SettlementBatch]):
    """On-chain settlements of many payments; a single one shows the payments it names."""

    queryset = SettlementBatch.objects.select_related("source")
    filterset_class = filters.BatchFilter
    orderings = ("-id", "settled_at")

    def get_serializer_class(self) -> type[BaseSerializer[SettlementBatch]]:
        """The payments are shown one batch at a time."""
        one = self.action == "retrieve"
        return serializers.BatchDetailSerializer if one else serializers.BatchSerializer


class RevenueRecordViewSet(ReadOnlyViewSet[RevenueRecord]):
    """The money book."""

    queryset = RevenueRecord.objects.select_related("source")
    serializer_class = serializers.RevenueRecordSerializer
    filterset_class = filters.RevenueRecordFilter
    orderings = ("-id", "at")


class ConflictViewSet(ReadOnlyViewSet[EventConflict]):
    """Bodies that came under the id of another, already stored, event."""

    queryset = EventConflict.objects.select_related("source")
    serializer_class = serializers.ConflictSerializer
    filterset_class = filters.ConflictFilter


class AlreadyResolved(APIException):
    """409: somebody replayed or dismissed the event before."""

    status_code = 409
    default_code = "already_resolved"


class RejectedEventViewSet(ReadOnlyViewSet[RejectedEvent]):
    """The quarantine: what could not be understood, verbatim, with the reason."""

    queryset = RejectedEvent.objects.select_related("source")
    serializer_class = serializers.RejectedEventSerializer
    filterset_class = filters.RejectedEventFilter
    write_role = Role.OPERATOR

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str | None = None) -> Response:
        """Try the event again; it stays rejected when it is still not understood."""
        rejected = self._open_one()
        send_again(rejected)
        return self._shown(rejected)

    @extend_schema(request=serializers.ReasonSerializer)
    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, pk: str | None = None) -> Response:
        """Put the event aside for good, for a reason that is kept."""
        reason = serializers.ReasonSerializer(data=request.data)
        reason.is_valid(raise_exception=True)
        rejected = self._open_one()
        access = access_of(request)
        who = access.who if access else ""
        RejectedEvent.objects.filter(pk=rejected.pk, status=RejectedStatus.OPEN).update(
            status=RejectedStatus.DISMISSED,
            resolved_at=Now(),
            resolution=f"{who}: {reason.validated_data['reason']}"[:500],
        )
        return self._shown(rejected)

    def _open_one(self) -> RejectedEvent:
        rejected = self.get_object()
        if rejected.status != RejectedStatus.OPEN:
            raise AlreadyResolved(f"It was {rejected.status} already.")
        return rejected

    def _shown(self, rejected: RejectedEvent) -> Response:
        rejected.refresh_from_db()
        return Response(self.get_serializer(rejected).data)
