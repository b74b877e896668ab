"""Reading a request's body without trusting what it says about its length."""

from typing import IO, cast

from django.http import HttpRequest
from rest_framework.exceptions import APIException
from rest_framework.request import Request

MAX_BODY_BYTES = 16 * 1024 * 1024


class BodyTooLarge(APIException):
    """413: more bytes than one request may carry."""

    status_code = 413
    default_detail = f"One request carries at most {MAX_BODY_BYTES} bytes."
    default_code = "body_too_large"


def read_body(request: Request) -> bytes:
    """The raw body, read once; BodyTooLarge by its declared or, when chunked, its real length."""
    return read_stream(request._request)


def read_stream(request: HttpRequest) -> bytes:
    """The same of a request that is none of the API framework's."""
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if declared.isdecimal() and int(declared) > MAX_BODY_BYTES:
        raise BodyTooLarge
    body = cast(IO[bytes], request).read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        raise BodyTooLarge
    return body
