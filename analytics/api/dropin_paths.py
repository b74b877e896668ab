"""What a client of the gateway finds under /admin where there is no analysis: nothing."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from analytics.api.dropin import is_browser
from analytics.api.dropin_replies import is_keyed, not_found


class GatewayClients:
    """Middleware: 404 as the gateway says it, where people get a page or a login.

    The Django admin takes no keys, so a request with one never means its pages; and a program
    must not take the login page for an answer when it asks for an address that does not exist.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Stand before the views."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer requests with a key that mean no analysis."""
        if is_keyed(request) and _is_below_admin(request.path) and not _is_analysis(request.path):
            return not_found(request)
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Answer programs that reached the admin's view for everything unknown."""
        match = request.resolver_match
        is_unknown = match is not None and match.app_name == "admin" and match.url_name is None
        return not_found(request) if is_unknown and not is_browser(request) else None


def _is_below_admin(where: str) -> bool:
    return f"{where.lower()}/".startswith("/admin/")


def _is_analysis(where: str) -> bool:
    try:
        return (resolve(where).url_name or "").startswith("dropin-")
    except Resolver404:
        return False
