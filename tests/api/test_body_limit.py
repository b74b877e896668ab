"""Requests without end are cut off while they are read."""

import json
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import LazySettings
from django.core.asgi import get_asgi_application

from paygate_site.middleware import BodyLimit

SCOPE = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}


def post_endlessly() -> tuple[int, list[Any]]:
    """How many chunks of 1,000 bytes were read, and what was answered."""
    read = 0
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    async_to_sync(BodyLimit(get_asgi_application()))(dict(SCOPE), receive, send)
    return read, sent


def test_an_endless_request_is_answered_with_413(settings: LazySettings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    read, (start, body) = post_endlessly()
    assert read == 11
    assert start["status"] == 413
    assert json.loads(body["body"])["code"] == "body_too_large"
