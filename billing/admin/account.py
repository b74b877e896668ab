"""The links behind a member of staff's own name."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext


def links(request: HttpRequest) -> list[dict[str, str]]:
    """What people change about their own login."""
    return [
        {"title": gettext("Change password"), "link": reverse("admin:password_change")},
        {"title": gettext("Second factor"), "link": reverse("second-factor")},
    ]
