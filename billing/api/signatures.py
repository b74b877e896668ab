"""Signed requests: `X-PayGate-Signature: t=<unix seconds>,v1=<hex>` of a source's secret.

The signature is HMAC-SHA256 of `<t>.` and the raw body. Several `v1` may be given, and the
source's current and previous secret both count, so that secrets change without a gap.
"""

import hmac
import re
import secrets
import time
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from billing.api.bodies import read_body
from billing.models import Source

HEADER = "HTTP_X_PAYGATE_SIGNATURE"
TOLERANCE_SECONDS = 300
_TIME = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True)
class SignedRequest:
    """A producer that proved it knows its source's secret, and the body it signed."""

    source: Source
    body: bytes


class SignatureAuthentication(BaseAuthentication):
    """The source named by `?source=` when the body is signed with its secret; else 401.

    An unknown source, a source without a secret, a bad or an old signature are one and the same
    401: an answer that told them apart would list the sources to strangers.
    """

    def authenticate(self, request: Request) -> tuple[AnonymousUser, SignedRequest] | None:
        """The signer, or None when the request is not signed."""
        header = request.META.get(HEADER)
        if header is None or request.method != "POST":
            return None
        source = Source.objects.filter(slug=_slug(request)).first()
        body = read_body(request)
        if not is_signed(header, body, source.signing_secrets() if source else []) or not source:
            raise AuthenticationFailed("The signature does not fit.", "invalid_signature")
        return AnonymousUser(), SignedRequest(source, body)


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The header's value for a body sent at `timestamp` (unix seconds)."""
    return f"t={timestamp},v1={_mac(secret, str(timestamp), body)}"


def is_signed(header: str, body: bytes, known: list[str]) -> bool:
    """Whether the header signs the body with a known secret, at most 5 minutes ago."""
    timestamp, given = _parsed(header)
    if not _TIME.fullmatch(timestamp) or abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    # Without a secret the same work is done against one nobody knows.
    expected = [_mac(s, timestamp, body) for s in known or [secrets.token_hex(32)]]
    matches = [hmac.compare_digest(e.encode(), g.encode()) for e in expected for g in given]
    return any(matches)


def _slug(request: Request) -> str:
    return request.query_params.get("source", "").replace("\0", "")


def _parsed(header: str) -> tuple[str, list[str]]:
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    return (times[0] if len(times) == 1 else ""), [v for name, _, v in pairs if name == "v1"]


def _mac(secret: str, timestamp: str, body: bytes) -> str:
    return hmac.digest(secret.encode(), f"{timestamp}.".encode() + body, "sha256").hex()
