"""Reports over HTTP: one read-only viewset for each, generated from the registry."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.http import HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.encoding import force_bytes
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import ViewSet

from analytics.api.renderers import ReportCSVRenderer
from analytics.api.schema import ReportSchema
from analytics.query import Scope
from analytics.registry import Answer, Report, all_reports
from analytics.rollups import verified_to
from billing.api.permissions import access_of
from billing.api.renderers import ExactJSONRenderer

CATALOGUE_ENTRY = inline_serializer(
    "CatalogueEntry",
    {
        "family": serializers.CharField(),
        "slug": serializers.CharField(),
        "title": serializers.CharField(),
        "description": serializers.CharField(),
        "url": serializers.URLField(),
    },
    many=True,
)


class CatalogueViewSet(ViewSet):
    """The list of reports."""

    @extend_schema(
        operation_id="report_catalogue",
        tags=["reports"],
        summary="Catalogue of reports",
        responses=CATALOGUE_ENTRY,
    )
    def list(self, request: Request) -> Response:
        """Every report: what it answers, and where."""
        root = reverse("report-catalogue", request=request)
        return Response(
            [
                {
                    "family": report.family,
                    "slug": report.slug,
                    "title": report.title,
                    "description": report.description,
                    "url": root + report.path,
                }
                for report in all_reports()
            ]
        )


class ReportViewSet(ViewSet):
    """One report. Subclasses name it; `viewset_of` makes them."""

    report: ClassVar[Report]
    schema = ReportSchema()
    renderer_classes = [ExactJSONRenderer, ReportCSVRenderer]

    def retrieve(self, request: Request) -> HttpResponseBase:
        """Run the report; 304 when the caller's copy is current."""
        answer = self.report.answer(request.query_params.dict(), scope_of(request))
        body = request.accepted_renderer.render(
            answer.data, request.accepted_media_type, self.get_renderer_context()
        )
        etag = f'"{hashlib.sha256(force_bytes(body)).hexdigest()[:32]}"'
        full = HttpResponse(body, content_type=request.accepted_media_type)
        full.headers["ETag"] = etag
        response = get_conditional_response(request._request, etag=etag, response=full) or full
        _state(response, headers_of(answer))
        if request.accepted_renderer.format == "csv":
            name = f"{self.report.slug}.csv"
            response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """What the path offers, always as JSON: only figures have columns."""
        request.accepted_renderer = ExactJSONRenderer()
        request.accepted_media_type = ExactJSONRenderer.media_type
        return super().options(request, *args, **kwargs)


def viewset_of(report: Report) -> type[ReportViewSet]:
    """The viewset of a report."""
    name = report.row_type.__name__ + "ViewSet"
    return type(name, (ReportViewSet,), {"report": report, "__doc__": report.description})


def scope_of(request: Request) -> Scope:
    """What the caller may read: a token's source, or everything."""
    access = access_of(request)
    return Scope(access.source.pk if access and access.source else None)


def headers_of(answer: Answer) -> dict[str, str]:
    """The headers that say what an answer holds for, and the counts stated beside it."""
    checked = verified_to()
    headers = {"X-As-Of": iso(answer.as_of)}
    if checked is not None:
        headers["X-Verified-To"] = iso(checked)
    for name, count in answer.notes.items():
        headers[f"X-{name.replace('_', '-').title()}"] = str(count)
    return headers


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _state(response: HttpResponseBase, headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        response.headers[name] = value
    response.headers["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ["Authorization", "X-Admin-Key", "Cookie", "Accept"])
