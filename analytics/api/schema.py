"""OpenAPI of the reports, read from the registry."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from analytics.registry import Report
from analytics.serializers import params_serializer, result_serializer

HEADERS = {
    "X-As-Of": "The moment the answer holds for, ISO 8601.",
    "X-Verified-To": "Up to when rollups were compared with the facts, ISO 8601.",
    "ETag": "Changes when the data changes; send it back as If-None-Match for a 304.",
}


class ReportSchema(AutoSchema):
    """Describes the report in `view.report`."""

    @property
    def report(self) -> Report:
        """The report of the view being described."""
        found: Report = getattr(self.view, "report")  # noqa: B009 - DRF types views without it
        return found

    def get_operation_id(self) -> str:
        """report_<family>_<slug>."""
        return f"report_{self.report.family}_{self.report.slug}".replace("-", "_")

    def get_tags(self) -> list[str]:
        """One tag for each family."""
        return [f"{self.report.family} reports"]

    def get_summary(self) -> str:
        """The report's title."""
        return self.report.title

    def get_description(self) -> str:  # type: ignore[override]  # drf-spectacular's own signature
        """What the report answers and how its measures are defined."""
        return self.report.description

    def get_override_parameters(self) -> list[Any]:
        """The report's parameters, and the headers of its answer."""
        headers = [
            OpenApiParameter(name, str, OpenApiParameter.HEADER, description=text, response=[200])
            for name, text in HEADERS.items()
        ]
        return [params_serializer(self.report.params_type), *headers]

    def get_response_serializers(self) -> Any:
        """The result, a list of rows when the report gives one."""
        shape = result_serializer(self.report.row_type)
        return shape(many=True) if self.report.is_list else shape()
