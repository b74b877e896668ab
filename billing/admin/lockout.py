"""What somebody sees who has guessed a password too often."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext


def locked_out(
    request: HttpRequest, original_response: HttpResponse | None, credentials: dict[str, Any]
) -> HttpResponse:
    """The login page again with the reason, as 429; axes calls it for every further attempt."""
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    context = {"title": gettext("Too many failed logins"), "minutes": max(1, seconds // 60)}
    response = TemplateResponse(request, "admin/locked_out.html", context, status=429)
    response["Retry-After"] = str(seconds)
    return response.render()
