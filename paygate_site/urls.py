"""The table of contents of the site."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import include, path, re_path, reverse
from django.views import defaults
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from analytics.api.dropin import dropin_urls
from analytics.api.dropin_replies import is_keyed, refusal
from analytics.api.exports import ExportViewSet
from analytics.metrics import metrics
from billing.admin.second_factor import second_factor
from billing.api.hooks import paygate_hook
from billing.api.problems import is_api, problem
from billing.api.renderers import exact_json
from paygate_site.health import livez, readyz

ENDPOINTS = {
    "admin": "/admin/",
    "api": "/api/v1/",
    "analytics": "/api/v1/analytics/",
    "events": "/api/v1/events/",
    "docs": "/api/docs/",
    "schema": "/api/schema/",
    "metrics": "/metrics",
    "live": "/livez",
    "ready": "/readyz",
}


def front(request: HttpRequest) -> HttpResponse:
    """Browsers go to the dashboard; others get the list of endpoints."""
    if "text/html" in request.headers.get("Accept", ""):
        return HttpResponseRedirect(reverse("admin:index"))
    links = {name: request.build_absolute_uri(where) for name, where in ENDPOINTS.items()}
    return HttpResponse(exact_json(links), content_type="application/json")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 400, as a problem for the API."""
    if is_api(request):
        return problem(400, "bad_request", "The request is not understood.")
    return defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 403, as a problem for the API."""
    if is_api(request):
        return problem(403, "permission_denied", "You may not do this.")
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 404, as a problem for the API."""
    if is_api(request):
        return problem(404, "not_found", "There is nothing at this address.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's 500, as a problem for the API; the log has the defect."""
    if is_api(request):
        return problem(500, "server_error", "A defect of the portal; it is in its log.")
    if is_keyed(request):
        return refusal(request, 500, "Internal server error")
    return defaults.server_error(request)


handler400 = bad_request
handler403 = forbidden
handler404 = not_found
handler500 = server_error

urlpatterns = [
    path("", front, name="front"),
    *dropin_urls(),
    path("admin/second-factor/", second_factor, name="second-factor"),
    path("admin/", admin.site.urls),
    path("api/v1/analytics/", include("analytics.api.urls")),
    path("api/v1/exports/<kind>/", ExportViewSet.as_view({"get": "retrieve"}), name="export"),
    path("api/v1/", include("audit.urls")),
    path("api/v1/", include("billing.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    # With and without the slash: a gateway takes a redirect for success and loses the batch.
    re_path(r"^hooks/paygate/(?P<slug>[a-z0-9][a-z0-9_-]{0,63})/?$", paygate_hook, name="hook"),
    path("metrics", metrics, name="metrics"),
    path("livez", livez, name="livez"),
    path("readyz", readyz, name="readyz"),
]
