"""GET /admin/<analysis> as the gateway answers it: its clients change only the host name.

Beside the Django admin, which has no address of these names. Browsers get the report's page.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import APIException, AuthenticationFailed, ValidationError

from analytics.admin.panels import sentence
from analytics.admin.reports import report_page
from analytics.api.compliance import download
from analytics.api.dropin_replies import is_keyed, preflight, refusal, reply
from analytics.api.sliding import wait_for
from analytics.problems import invalid
from analytics.query import Scope
from analytics.registry import Family, Report, all_reports
from billing.api.authentication import token_for
from billing.api.renderers import exact_json
from billing.models import AdminToken, Source
from billing.models.sources import SourceKind
from billing.models.tokens import Role

EXPORT = "compliance-export"
ANALYSES = (
    *("notifications", "dashboard", "lifecycle", "costs", "rate-limits", "quotas", "denials"),
    *("traffic", "security", "revenue", "key-portfolio", "anomalies", "forecast", "compliance"),
    *(EXPORT, "sla", "capacity", "dependencies", "latency", "error-trends", "credit-flow"),
    *("key-age", "namespace-usage", "audit-summary", "group-performance", "request-trends"),
    *("key-status", "webhook-health", "consumer-insights", "system-health", "tool-adoption"),
    *("credit-efficiency", "access-heatmap", "key-churn", "tool-correlation"),
    *("consumer-segmentation", "credit-distribution", "response-time-distribution"),
    *("consumer-lifetime-value", "tool-revenue", "consumer-retention", "error-breakdown"),
    *("credit-utilization", "namespace-revenue", "group-revenue", "peak-usage"),
    *("consumer-activity", "tool-popularity", "credit-allocation", "daily-summary"),
    *("key-ranking", "hourly-traffic", "tool-error-rate", "consumer-spend-velocity"),
    *("namespace-activity", "credit-burn-rate", "consumer-risk-score", "revenue-forecast"),
    *("group-activity", "credit-waste", "tool-profitability", "consumer-growth"),
    *("namespace-comparison", "key-health-overview", "system-overview"),
)
# What the gateway's analyses read of a query string. It ignores all other names, so a script may
# send the portal's own and mean something else; two of those work here.
READ = frozenset({"severity", "namespace", "since", "until", "framework", "sortBy"})
OURS = frozenset({"as_of", "source"})


def address_of(slug: str) -> str:
    """Where the gateway has the analysis, without the leading slash."""
    return f"admin/{'compliance/export' if slug == EXPORT else slug}"


def dropin_urls() -> list[URLPattern]:
    """A route for each analysis; to stand before the Django admin's own."""
    known = {report.slug: report for report in all_reports() if report.family is Family.GATEWAY}
    return [
        path(address_of(slug), analysis, {"report": known[slug]}, name=f"dropin-{slug}")
        for slug in ANALYSES
        if slug in known
    ]


@csrf_exempt  # nothing is written, and the method is judged before all else
def analysis(request: HttpRequest, report: Report) -> HttpResponseBase:
    """One analysis: for clients as the gateway answers, for browsers as a page of the admin."""
    if request.method == "OPTIONS":
        return preflight(request)
    if request.method != "GET":
        return refusal(request, 405, "Method not allowed. Use GET.")
    if is_browser(request):
        return admin.site.admin_view(report_page)(
            request, family=str(report.family), slug=report.slug
        )
    wait = wait_for(request.META.get("REMOTE_ADDR", ""))
    if wait:
        response = refusal(request, 429, "Too many admin requests. Try again later.")
        response.headers["Retry-After"] = str(wait)
        return response
    return _answered(request, report)


def is_browser(request: HttpRequest) -> bool:
    """Whether a person asks: without a key, wanting HTML or signed in as staff."""
    if is_keyed(request):
        return False
    return "text/html" in request.headers.get("Accept", "") or admin.site.has_permission(request)


def _answered(request: HttpRequest, report: Report) -> HttpResponse:
    try:
        token = _token(request)
        query = _query(request.GET, token)
        answer = report.answer(query, Scope(token.source_id))
    except AuthenticationFailed:
        return refusal(request, 401, "Invalid admin key")
    except APIException as error:
        return refusal(request, error.status_code, _text(error))
    if report.slug == EXPORT:
        return download(request, answer.data)
    return reply(request, exact_json(answer.data))


def _token(request: HttpRequest) -> AdminToken:
    """The token in X-Admin-Key; AuthenticationFailed when it is none or may not read."""
    secret = request.headers.get("X-Admin-Key", "").strip().encode("latin-1", "replace")
    token = token_for(secret, request.META.get("REMOTE_ADDR", ""))
    if not token.has_role(Role.VIEWER):
        raise AuthenticationFailed
    return token


def _query(given: QueryDict, token: AdminToken) -> Mapping[str, str]:
    """What the report is asked: of a name given twice, the gateway takes the first value."""
    read = READ | OURS
    query = {name: values[0] for name, values in given.lists() if name in read and values}
    if token.source_id is None and not query.get("source"):
        query["source"] = _only_gateway()
    return query


def _only_gateway() -> str:
    """The slug of the only gateway, empty when there is none; ValidationError for several."""
    gateways = Source.objects.filter(kind=SourceKind.PAYGATE).order_by("slug")
    slugs = list(gateways.values_list("slug", flat=True))
    if len(slugs) > 1:
        text = f"There are several gateways: say which with source=, one of {', '.join(slugs)}."
        raise invalid("source", text, "source_needed")
    return slugs[0] if slugs else ""


def _text(error: APIException) -> str:
    """The error as one text; the gateway names no parameter in its own complaints."""
    if not isinstance(error, ValidationError) or not isinstance(error.detail, dict):
        return sentence(error.detail)
    texts: dict[str, Any] = error.detail
    return " ".join(
        f"{name}: {sentence(text)}" if name == "as_of" else sentence(text)
        for name, text in texts.items()
    )
