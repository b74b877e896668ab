"""Column types the facts need and Django lacks: unbounded exact numbers, sealed text."""

import base64
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class ExactField(models.DecimalField):  # type: ignore[type-arg]  # generic only in the stubs
    """PostgreSQL `numeric` without precision or scale: exact up to uint256 and beyond."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Fix the bounds that Django's form layer asks for; the column itself has none."""
        kwargs["max_digits"], kwargs["decimal_places"] = 240, 120
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """Leave the fixed bounds out of migrations."""
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_digits"], kwargs["decimal_places"]
        return name, path, args, kwargs

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """The bare type."""
        return "numeric"


def _cipher() -> MultiFernet:
    """The newest key seals; older ones (PAYGATE_SECRET_KEY_FALLBACKS) still open."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_derived(secret)) for secret in secrets])


def _derived(secret: str) -> bytes:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"paygate secrets at rest")
    return base64.urlsafe_b64encode(hkdf.derive(secret.encode()))


class SealedTextField(models.TextField):  # type: ignore[type-arg]  # generic only in the stubs
    """Text encrypted at rest with keys derived from PAYGATE_SECRET_KEY; empty stays empty."""

    def get_prep_value(self, value: Any) -> Any:
        """Seal before writing."""
        return _cipher().encrypt(value.encode()).decode() if value else value

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        """Open after reading; InvalidToken when no configured key fits."""
        return _cipher().decrypt(value.encode()).decode() if value else value
