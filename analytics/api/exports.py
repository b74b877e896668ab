"""Exports over HTTP: a file of the rows of some days, sent while it is read."""

from datetime import UTC, date, timedelta
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, NotFound
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from analytics.api.viewsets import iso
from analytics.exports.kinds import KINDS
from analytics.exports.reading import Wanted, database_now
from analytics.exports.streaming import is_full, pieces, pieces_for_asgi
from analytics.params import EARLIEST, LATEST, InstantField
from analytics.problems import foreign_source, invalid
from billing.api.permissions import access_of
from billing.api.renderers import ExactJSONRenderer
from billing.models import Source
from billing.models.tokens import Role


class ExportsBusy(APIException):
    """As many exports as a process allows are being read."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "exports_busy"
    default_detail = "Other exports are being read. Ask again in a while."
    wait = 15


class _FileRenderer(BaseRenderer):
    """Names a form; the view writes it."""

    charset = None
    render_style = "binary"

    def render(self, data: Any, *_: Any, **__: Any) -> bytes:
        """Never asked for rows."""
        raise NotImplementedError


class CSVFile(_FileRenderer):
    """?format=csv, also without a word."""

    media_type = "text/csv"
    format = "csv"


class ParquetFile(_FileRenderer):
    """?format=parquet."""

    media_type = "application/vnd.apache.parquet"
    format = "parquet"


class _Day(serializers.DateField):
    def to_internal_value(self, value: Any) -> date:
        day = super().to_internal_value(value)
        if not EARLIEST.date() <= day < LATEST.date():
            self.fail("invalid", format="YYYY-MM-DD")
        return day


class ExportParams(serializers.Serializer[Any]):
    """Which rows."""

    to = _Day(required=False, help_text="Last day (UTC), included; default the first.")
    as_of = InstantField(
        required=False,
        help_text="Nothing later than this moment, and no statistic not over then; default now.",
    )

    def get_fields(self) -> dict[str, Any]:
        """With `from`, which is no name in Python, and `source`, which a serializer has already."""
        first = _Day(required=False, help_text="First day (UTC); default yesterday.")
        source = serializers.CharField(required=False, help_text="Only this source, by slug.")
        return {"from": first, **super().get_fields(), "source": source}


class ExportViewSet(ViewSet):
    """Facts and statistics by UTC day, as files."""

    renderer_classes = [CSVFile, ParquetFile]
    read_role = Role.FINANCE

    @extend_schema(
        operation_id="export",
        tags=["exports"],
        summary="Rows of some days as a file",
        description="Columns are those of the views in docs/warehouse.md; the order is that of the "
        "kind's time. The answer is sent while it is read, in chunks: one without a last chunk was "
        "cut off. Decimals are text, in CSV text that a spreadsheet would run has a leading `'`.",
        parameters=[
            OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=sorted(KINDS)),
            ExportParams,
            OpenApiParameter(
                "X-As-Of",
                str,
                OpenApiParameter.HEADER,
                description="The moment it holds for.",
                response=[200],
            ),
        ],
        responses={
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY,
        },
    )
    def retrieve(self, request: Request, kind: str) -> StreamingHttpResponse:
        """Begin to send it."""
        wanted = _wanted(request, kind)
        if is_full():
            raise ExportsBusy
        form = request.accepted_renderer.format
        is_async = isinstance(request._request, ASGIRequest)
        response = StreamingHttpResponse(
            (pieces_for_asgi if is_async else pieces)(wanted, form),
            content_type=request.accepted_renderer.media_type,
        )
        name = f"{kind}-{wanted.first}-{wanted.last}.{form}"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        response.headers["X-As-Of"] = iso(wanted.as_of)
        return response

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """What the path offers, always as JSON."""
        request.accepted_renderer = ExactJSONRenderer()
        request.accepted_media_type = ExactJSONRenderer.media_type
        return super().options(request, *args, **kwargs)


def _wanted(request: Request, kind: str) -> Wanted:
    if kind not in KINDS:
        raise NotFound(f"There is no export {kind!r}, only {', '.join(sorted(KINDS))}.")
    serializer = ExportParams(data=request.query_params.dict())
    serializer.is_valid(raise_exception=True)
    given = serializer.validated_data
    as_of = given.get("as_of") or database_now()
    as_of = as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)
    first = given.get("from") or as_of.astimezone(UTC).date() - timedelta(days=1)
    last = given.get("to") or first
    if last < first:
        raise invalid("to", "Must not be before from.", "invalid_range")
    return Wanted(KINDS[kind], first, last, as_of, _source(request, given.get("source")))


def _source(request: Request, asked: str | None) -> str | None:
    access = access_of(request)
    own = access.source.slug if access and access.source else None
    if asked is None or asked == own:
        return own
    if own is not None:
        raise foreign_source(asked)
    if not Source.objects.filter(slug=asked).exists():
        raise invalid("source", "There is no such source.", "unknown_source")
    return asked
