"""Errors as RFC 9457 problem details with a stable `code`."""

import logging
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions

from billing.api.renderers import exact_json

log = logging.getLogger(__name__)


def problem(status: int, code: str, detail: str, **more: dict[str, list[str]]) -> HttpResponse:
    """The answer for an error, with further members such as `errors` by field."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }
    return HttpResponse(exact_json(body), status=status, content_type="application/problem+json")


def problem_response(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """DRF's exception handler; None leaves a defect to Django's 500 and its log."""
    known = _api_exception(error)
    if known is None:
        return None
    response = _of_exception(known)
    challenge = getattr(known, "auth_header", None) or getattr(error, "auth_header", None)
    if challenge:
        response["WWW-Authenticate"] = challenge
    wait = getattr(known, "wait", None)
    if wait:
        response["Retry-After"] = str(int(wait))
    return response


def _api_exception(error: Exception) -> exceptions.APIException | None:
    if isinstance(error, exceptions.APIException):
        return error
    if isinstance(error, Http404):
        return exceptions.NotFound()
    if isinstance(error, DjangoPermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, IntegrityError):
        return _conflict(error)
    return None


def _conflict(error: IntegrityError) -> exceptions.APIException:
    """A rule of the database that no validator foresaw, mostly a race for a unique name."""
    log.info("refused by the database: %s", error)
    conflict = exceptions.APIException("It contradicts what is stored already.", "conflict")
    conflict.status_code = HTTPStatus.CONFLICT
    return conflict


def _of_exception(error: exceptions.APIException) -> HttpResponse:
    if isinstance(error, exceptions.ValidationError):
        return problem(
            error.status_code,
            "invalid",
            "Some of the input is not valid.",
            errors=_flat(error.detail),
            error_codes=_flat(error.get_codes()),
        )
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else "error"
    return problem(error.status_code, code, str(error.detail))


def _flat(detail: Any, path: str = "") -> dict[str, list[str]]:
    """Nested errors under dotted field names."""
    if isinstance(detail, dict):
        parts = [_flat(value, f"{path}.{key}".lstrip(".")) for key, value in detail.items()]
    elif isinstance(detail, list) and any(isinstance(item, (dict, list)) for item in detail):
        parts = [_flat(item, f"{path}.{n}".lstrip(".")) for n, item in enumerate(detail)]
    else:
        texts = detail if isinstance(detail, list) else [detail]
        return {path or "non_field_errors": [str(text) for text in texts]}
    return {name: texts for part in parts for name, texts in part.items()}


def is_api(request: HttpRequest) -> bool:
    """Whether errors of this path are answered as problem details."""
    return request.path.startswith(("/api/", "/hooks/"))
