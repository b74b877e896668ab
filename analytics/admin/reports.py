"""The index of reports, and one page for every report of the registry."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode

from analytics.admin.charts import charts
from analytics.admin.forms import report_form
from analytics.admin.panels import Panel, ask
from analytics.admin.tables import tables
from analytics.registry import Family, all_reports, find_report
from analytics.rollups import verified_to
from billing.admin.figures import moment

FAMILY_NAMES = {Family.PAYMENTS: "Payments", Family.GATEWAY: "Gateway"}


def report_urls() -> list[URLPattern]:
    """The pages below /admin/reports/."""
    view = admin.site.admin_view
    return [
        path("reports/", view(index), name="reports"),
        path("reports/<str:family>/<slug:slug>/", view(report_page), name="report"),
    ]


def index(request: HttpRequest) -> HttpResponse:
    """Every report, by family."""
    families = {
        FAMILY_NAMES[family]: [report for report in all_reports() if report.family is family]
        for family in Family
    }
    context = {
        **admin.site.each_context(request),
        "title": "Reports",
        "families": {name: found for name, found in families.items() if found},
    }
    return TemplateResponse(request, "admin/reports/index.html", context)


def report_page(request: HttpRequest, family: str, slug: str) -> HttpResponse:
    """One report: what it says, its parameters, chart and table, and the same as CSV and JSON."""
    query = {name: request.GET[name] for name in request.GET if request.GET[name]}
    panel = _panel(family, slug, query)
    context = {
        **admin.site.each_context(request),
        "title": panel.report.title,
        "panel": panel,
        "description": paragraphs(panel.report.description),
        "form": report_form(panel.report.params_type, request.GET),
        "verified": moment(verified_to()),
        **_links(panel, query),
        **_answer_parts(panel),
    }
    return TemplateResponse(request, "admin/reports/report.html", context, status=panel.status)


def paragraphs(description: str) -> list[str]:
    """A docstring after its title, as paragraphs to be wrapped by the page."""
    _, *rest = description.split("\n\n")
    return [" ".join(part.split()).replace("`", "") for part in rest]


def _panel(family: str, slug: str, query: Mapping[str, str]) -> Panel:
    try:
        find_report(slug, Family(family))
    except (LookupError, ValueError) as error:
        raise Http404(f"There is no report {family}/{slug}.") from error
    return ask(slug, query, family=Family(family))


def _links(panel: Panel, query: Mapping[str, str]) -> dict[str, str]:
    url = reverse(f"report-{panel.report.family}-{panel.report.slug}")
    return {
        "api_url": f"{url}?{urlencode(query)}" if query else url,
        "csv_url": f"{url}?{urlencode({**query, 'format': 'csv'})}",
    }


def _answer_parts(panel: Panel) -> dict[str, Any]:
    if panel.answer is None:
        return {}
    shape = panel.report.row_type
    drawn = charts(panel.result, shape, panel.zone)
    return {
        "as_of": moment(panel.answer.as_of),
        "charts": [chart for chart in drawn if not chart.is_empty],
        "tables": tables(panel.result, shape, panel.zone),
        "notes": [(name.replace("_", " "), count) for name, count in panel.answer.notes.items()],
    }
