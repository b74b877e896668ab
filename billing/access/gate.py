"""The door of every session: one that owes its second factor is nobody's.

Views and permissions see a stranger, so none of them can forget to ask. Only the page that takes
the code, and the logout, know who it is.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.http import urlencode

from billing.access.second_factor import is_owed

PAGES = ("/admin/", "/api/docs/")  # what people open in a browser: they are led to the code


class SecondFactorGate:
    """Middleware; to stand behind the one that reads who a session belongs to."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Stand before the views."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Let a session count, or lead a person to the page that asks for the code."""
        half = SimpleLazyObject(partial(half_of, request, request.user))
        if request.path_info in _passable():
            return self.get_response(request)
        request.half_signed_in = half  # type: ignore[attr-defined]  # read by is_half
        request.user = SimpleLazyObject(partial(_full, half, request.user))  # type: ignore[assignment]  # the same trick as Django's own
        request.auser = partial(_later, request)
        if _is_persons_page(request) and half:
            asked = urlencode({"next": request.get_full_path()})
            return HttpResponseRedirect(f"{reverse('second-factor')}?{asked}")
        return self.get_response(request)


def half_of(request: HttpRequest, user: Any) -> Any:
    """The member of staff whose session owes the second factor, or None."""
    is_staff = user.is_authenticated and user.is_staff
    return user if is_staff and is_owed(user, request.session) else None


def is_half(request: HttpRequest) -> bool:
    """Whether a request comes in a session that owes its second factor."""
    return bool(getattr(request, "half_signed_in", None))


def _full(half: Any, user: Any) -> User | AnonymousUser:
    return AnonymousUser() if half else user


async def _later(request: HttpRequest) -> Any:
    """The same for views that are asynchronous."""

    def settled() -> Any:
        return request.user if request.user.pk else AnonymousUser()

    return await sync_to_async(settled)()


def _passable() -> tuple[str, ...]:
    return reverse("second-factor"), reverse("admin:logout")


def _is_persons_page(request: HttpRequest) -> bool:
    """Not the login, where somebody else may sign in; a key or token counts before a session."""
    has_key = "X-Admin-Key" in request.headers or "Authorization" in request.headers
    is_page = request.path_info.startswith(PAGES) and request.path_info != reverse("admin:login")
    return is_page and not has_key
