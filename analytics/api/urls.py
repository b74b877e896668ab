"""Below /api/v1/analytics/: the catalogue, and a route for every report."""

from django.urls import path

from analytics.api.viewsets import CatalogueViewSet, viewset_of
from analytics.registry import all_reports

urlpatterns = [
    path("", CatalogueViewSet.as_view({"get": "list"}), name="report-catalogue"),
    *(
        path(
            report.path,
            viewset_of(report).as_view({"get": "retrieve"}),
            name=f"report-{report.family}-{report.slug}",
        )
        for report in all_reports()
    ),
]
