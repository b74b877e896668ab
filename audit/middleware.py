"""Who acts in a request, and what a caller who is known was not let do."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from rest_framework.permissions import SAFE_METHODS

from audit.trail import ANONYMOUS, act_as, is_known, refused


class ActorOfRequest:
    """After authentication. Callers with a token are named where the token is checked."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """As Django makes it."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Name the session's user; record a 403 to somebody known, who wanted to write."""
        act_as(lambda: _named(request))
        try:
            return self._noted(request, self.get_response(request))
        finally:
            act_as("")

    def _noted(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if response.status_code == 403 and request.method not in SAFE_METHODS and is_known():
            refused(str(request.method), request.path)
        return response


def _named(request: HttpRequest) -> str:
    user = request.user  # none at all once REST framework has found no caller
    return f"user:{user.get_username()}" if user and user.is_authenticated else ANONYMOUS
