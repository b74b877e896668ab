"""What must hold for every request, whatever view it is for."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog
from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin
from django_structlog.middlewares import RequestMiddleware

from billing.api.problems import problem

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[..., Awaitable[None]]


# The theme's Alpine compiles expressions and sets styles; Swagger writes a style of its own.
LOOSER = {
    "/admin/": {"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]},
    "/api/docs/": {"style-src": [UNSAFE_INLINE]},
}
# What a page of the portal may ask of the browser's devices: nothing.
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class BrowserRules(MiddlewareMixin):
    """What browsers may do with an answer, beside the settings' policy.

    Figures and records are for whoever asked: no cache between keeps what says nothing of its own.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> Any:
        """Add what a path needs and what every answer has."""
        for prefix, more in LOOSER.items():
            if request.path_info.startswith(prefix):
                response._csp_update = more  # type: ignore[attr-defined]  # django-csp reads it
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        if request.path_info.startswith(("/admin/", "/api/v1/")):
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response


class RequestLog(RequestMiddleware):
    """One line a request: method, path, status; its id in the answer's `X-Request-Id`."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Without the query: somebody may have pasted a secret into it."""
        return f"{request.method} {request.path}"

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        """Name the request to its caller, where the answer does not name it already."""
        bound = structlog.contextvars.get_contextvars()
        response.headers.setdefault("X-Request-Id", bound["request_id"])
        super().handle_response(request, response)


class _TooLarge(Exception):
    """More bytes came than any request may have."""


class BodyLimit:
    """Stops reading a request at DATA_UPLOAD_MAX_MEMORY_SIZE bytes and answers 413.

    Django's ASGI handler stores the whole body before any view can refuse it: a stranger could
    fill the disk with one endless chunked request.
    """

    def __init__(self, application: Application) -> None:
        """Wrap an ASGI application that answers HTTP."""
        self.application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what is read."""
        left: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise _TooLarge
            return message

        try:
            await self.application(scope, counted, send)
        except _TooLarge:  # Django reads all of the body before it answers
            await _refuse(send)


async def _refuse(send: Send) -> None:
    answer = problem(413, "body_too_large", "The request carries too many bytes.")
    headers = [
        (b"content-type", answer["Content-Type"].encode()),
        (b"content-length", str(len(answer.content)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": answer.content})
