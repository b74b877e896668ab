"""How the API's ways to authenticate appear in its OpenAPI document."""

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension

TOKEN = "billing.api.authentication.TokenAuthentication"  # noqa: S105 - a class path
SESSION = "billing.api.authentication.StaffSession"
SIGNATURE = "billing.api.signatures.SignatureAuthentication"


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped upstream
    """Both headers a token may come in."""

    target_class = TOKEN
    name = ["bearerToken", "adminKey"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        """The schemes."""
        return [
            {"type": "http", "scheme": "bearer"},
            {"type": "apiKey", "in": "header", "name": "X-Admin-Key"},
        ]


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped upstream
    """The admin's cookie."""

    target_class = SESSION
    name = "cookieAuth"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """The scheme."""
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


class SignatureScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped upstream
    """Signed events."""

    target_class = SIGNATURE
    name = "signature"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """The scheme."""
        return {"type": "apiKey", "in": "header", "name": "X-PayGate-Signature"}
