"""One signed request to an endpoint."""

import secrets
import time
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from billing.api.renderers import exact_json
from billing.api.signatures import signature
from billing.gateway.connect import opened
from notify.models import Endpoint, Message

TIMEOUT_SECONDS = 10
MOST_BYTES = 256 * 1024  # of a body; messages are far smaller
ANSWER_BYTES = 1_000
SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret


class TooLarge(ValueError):
    """The body is larger than an endpoint is sent."""


def new_secret() -> str:
    """A secret for signatures; 256 random bits."""
    return SECRET_PREFIX + secrets.token_urlsafe(32)


def body_of(message: Message) -> bytes:
    """What is sent: the same bytes at every try."""
    body = exact_json(
        {
            "id": message.event_id,
            "type": message.type,
            "createdAt": message.created_at.isoformat(),
            "source": message.source.slug if message.source else None,
            "data": message.data,
        }
    )
    if len(body) > MOST_BYTES:
        raise TooLarge(f"{len(body)} bytes; an endpoint is sent {MOST_BYTES} at most")
    return body


def headers_of(endpoint: Endpoint, message: Message, body: bytes, timestamp: int) -> dict[str, str]:
    """The request's headers; signed with every secret the endpoint may still know."""
    first, *others = (signature(secret, timestamp, body) for secret in endpoint.secrets())
    signed = ",".join([first, *(other.partition(",")[2] for other in others)])
    return {
        "Content-Type": "application/json",
        "User-Agent": f"PayGate-Portal/{settings.VERSION}",
        "X-PayGate-Event": message.type,
        "X-PayGate-Delivery": message.event_id,
        "X-PayGate-Signature": signed,
    }


def send(message: Message, endpoint: Endpoint) -> tuple[int, str]:
    """Status and first bytes of the answer; redirects are not followed. Raises OSError."""
    address = urlsplit(endpoint.url)
    body = body_of(message)
    connection = opened(address, TIMEOUT_SECONDS)
    try:
        headers = headers_of(endpoint, message, body, int(time.time()))
        connection.request("POST", _target(address), body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(ANSWER_BYTES).decode("utf-8", "replace")
    finally:
        connection.close()


def _target(address: SplitResult) -> str:
    path = address.path or "/"
    return f"{path}?{address.query}" if address.query else path
