"""Who is calling: a token, or a producer that signs its events (billing.api.signatures)."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from audit.trail import act_as
from billing.access.gate import is_half
from billing.models import AdminToken
from billing.tokens import find, in_networks, touch


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`, else `X-Admin-Key: <token>`; `request.auth` is the token.

    401 when the token is unknown, expired or revoked; 403 from a network it is not allowed in.
    """

    def authenticate(self, request: Request) -> tuple[AnonymousUser, AdminToken] | None:
        """The token presented, or None when there is none."""
        secret = presented_secret(request.META)
        if secret is None:
            return None
        token = token_for(secret, request.META.get("REMOTE_ADDR", ""))
        act_as(f"token:{token.public_id}")
        return AnonymousUser(), token

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401."""
        return 'Bearer realm="paygate"'


class StaffSession(SessionAuthentication):
    """The session of the admin; 403 while it owes its second factor."""

    def authenticate(self, request: Request) -> Any:
        """Who has signed in, or None."""
        if is_half(request._request):
            raise PermissionDenied("Enter your second factor first.", "second_factor_required")
        return super().authenticate(request)


def presented_secret(meta: dict[str, str]) -> bytes | None:
    """The bytes of the token in a request's headers, or None."""
    scheme, _, credentials = meta.get("HTTP_AUTHORIZATION", "").partition(" ")
    text = credentials if scheme.lower() == "bearer" else meta.get("HTTP_X_ADMIN_KEY", "")
    # Servers hand headers over as Latin-1; the bytes on the wire are what was issued.
    return text.strip().encode("latin-1", "replace") or None


def token_for(secret: bytes, address: str) -> AdminToken:
    """The token, noted as used; AuthenticationFailed or PermissionDenied when it may not."""
    token = find(secret)
    if token is None:
        raise AuthenticationFailed("The token is unknown, expired or revoked.", "invalid_token")
    if token.allowed_networks and not in_networks(address, token.allowed_networks):
        raise PermissionDenied("The token may not be used from here.", "network_not_allowed")
    touch(token, secret)
    return token
