"""Answers in the words of the gateway, which scripts written for it understand."""

import secrets

from django.http import HttpRequest, HttpResponse

from billing.api.renderers import exact_json

JSON = "application/json"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-XSS-Protection": "0",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    # Browser pages of other hosts may ask, with the key in their hands: cookies are not sent.
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, DELETE, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": (
        "Content-Type, X-API-Key, X-Admin-Key, Mcp-Session-Id, Authorization, X-Request-Id"
    ),
    "Access-Control-Expose-Headers": (
        "Mcp-Session-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, "
        "X-Credits-Remaining, X-Request-Id, X-PayGate-Version, X-Cache, X-Output-Surcharge"
    ),
}
PREFLIGHT_SECONDS = "86400"


def is_keyed(request: HttpRequest) -> bool:
    """Whether the caller is a client of the gateway: it sends X-Admin-Key, be it empty."""
    return "X-Admin-Key" in request.headers


def reply(request: HttpRequest, body: bytes, content_type: str = JSON) -> HttpResponse:
    """200 with this body."""
    return _dressed(HttpResponse(body, content_type=content_type), _request_id(request))


def refusal(request: HttpRequest, status: int, error: str) -> HttpResponse:
    """An error with its text and the request's id; without a body when HEAD asked."""
    request_id = _request_id(request)
    body = exact_json({"error": error, "requestId": request_id})
    if request.method == "HEAD":
        body = b""
    return _dressed(HttpResponse(body, status=status, content_type=JSON), request_id)


def not_found(request: HttpRequest) -> HttpResponse:
    """404 for clients of the gateway."""
    return refusal(request, 404, "Not found")


def preflight(request: HttpRequest) -> HttpResponse:
    """204: what a browser's page of another host may send here."""
    response = _dressed(HttpResponse(status=204), _request_id(request))
    response.headers["Access-Control-Max-Age"] = PREFLIGHT_SECONDS
    del response.headers["Content-Type"]
    return response


def _request_id(request: HttpRequest) -> str:
    """The caller's own id of the request, else a new one."""
    return request.headers.get("X-Request-Id") or f"req_{secrets.token_hex(8)}"


def _dressed(response: HttpResponse, request_id: str) -> HttpResponse:
    for name, value in {"X-Request-Id": request_id, **HEADERS}.items():
        response.headers[name] = value
    return response
