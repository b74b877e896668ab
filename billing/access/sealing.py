"""How second factors are kept: a dump of the database without the secret key opens none.

TOTP keys are encrypted, because codes are calculated from them; recovery codes are only compared,
so a keyed digest is enough. django-otp's columns hold 80 and 16 characters, which Fernet exceeds.
"""

import base64
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

NONCE_BYTES = 12
DIGEST_BYTES = 10  # 16 characters of base32


class SealBroken(Exception):
    """No configured secret key opens it, or it was sealed for somebody else."""


def seal(key: bytes, user_id: int) -> str:
    """The key encrypted for one user with the newest secret key; 64 characters for 20 bytes."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = AESGCM(_derived(settings.SECRET_KEY, b"key")).encrypt(nonce, key, _owner(user_id))
    return base64.b64encode(nonce + sealed).decode()


def unseal(sealed: str, user_id: int) -> bytes:
    """The key; SealBroken when it cannot be opened."""
    raw = base64.b64decode(sealed)
    for secret in _secret_keys():
        try:
            cipher = AESGCM(_derived(secret, b"key"))
            return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _owner(user_id))
        except InvalidTag:
            continue
    raise SealBroken


def digests(code: str, user_id: int) -> list[str]:
    """The keyed digests of a recovery code, under the newest secret key first."""
    message = _owner(user_id) + b":" + code.encode()
    keys = (_derived(secret, b"recovery code") for secret in _secret_keys())
    return [_text(hmac.digest(key, message, "sha256")) for key in keys]


def _text(digest: bytes) -> str:
    return base64.b32encode(digest[:DIGEST_BYTES]).decode().lower()


def _owner(user_id: int) -> bytes:
    """Binds what is sealed to its user: a row copied to another user opens nothing."""
    return str(user_id).encode()


def _secret_keys() -> tuple[str, ...]:
    return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


def _derived(secret: str, purpose: bytes) -> bytes:
    info = b"paygate second factor " + purpose
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret.encode())
