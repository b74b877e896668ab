"""REST tokens: shown once, found again by a keyed digest; the secret itself is never stored.

The digest is HMAC-SHA256 of the whole token under a pepper that is not in the database. Looking
it up by equality leaks nothing about the secret through timing: a guess changes the digest in
ways its author cannot steer.
"""

import hmac
import secrets
from collections.abc import Iterable
from datetime import timedelta
from ipaddress import ip_address, ip_network

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from billing.models import AdminToken

PREFIX = "pgt"
TOUCH_INTERVAL = timedelta(minutes=1)  # a busy token costs one write a minute, not one a request


def issue(token: AdminToken, secret: str | None = None) -> str:
    """Save a new token and return its secret, to be shown once.

    `secret` adopts an existing one, so that clients keep the key they have; otherwise it is made
    here as `pgt_<public id>_<secret>`. IntegrityError when the secret is a token's already.
    """
    token.public_id = secrets.token_hex(6)
    plain = secret or f"{PREFIX}_{token.public_id}_{secrets.token_urlsafe(32)}"
    _seal(token, plain.encode())
    token.save()
    return plain


def find(secret: bytes) -> AdminToken | None:
    """The active token with this secret, or None when unknown, expired or revoked."""
    active = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=Now()))
    return _by_secret(secret, active)


def find_any(secret: bytes) -> AdminToken | None:
    """The token with this secret whatever its state."""
    return _by_secret(secret, Q())


def touch(token: AdminToken, secret: bytes) -> None:
    """Note that the token was used, and move it to the newest pepper; one write a minute."""
    used = token.last_used_at
    if used is not None and used > timezone.now() - TOUCH_INTERVAL:
        return
    _seal(token, secret)
    not_just_used = Q(last_used_at=None) | Q(last_used_at__lte=Now() - TOUCH_INTERVAL)
    AdminToken.objects.filter(not_just_used, pk=token.pk).update(
        last_used_at=Now(), digest=token.digest, pepper_version=token.pepper_version
    )


def revoke(token: AdminToken) -> None:
    """Make the token useless from now on; the row stays for the record."""
    AdminToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=Now())


def in_networks(address: str, networks: Iterable[str]) -> bool:
    """Whether an IP address is in one of the CIDR networks; one that cannot be read is not."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None) or ip
    return any(mapped in ip_network(network, strict=False) for network in networks)


def digests(secret: bytes) -> list[str]:
    """The keyed digests of a secret, under the newest pepper first."""
    return [_digest(secret, pepper) for pepper in _peppers()]


def _by_secret(secret: bytes, condition: Q) -> AdminToken | None:
    rows = AdminToken.objects.select_related("source")
    return rows.filter(condition, digest__in=digests(secret)).first()


def _seal(token: AdminToken, secret: bytes) -> None:
    newest = _peppers()[0]
    token.digest = _digest(secret, newest)
    token.pepper_version = len(_peppers())


def _digest(secret: bytes, pepper: bytes) -> str:
    return hmac.digest(pepper, secret, "sha256").hex()


def _peppers() -> list[bytes]:
    """Newest first: the configured ones, else one derived from each secret key."""
    if settings.PAYGATE_TOKEN_PEPPERS:
        return [pepper.encode() for pepper in settings.PAYGATE_TOKEN_PEPPERS]
    return [_derived(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def _derived(key: str) -> bytes:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"paygate token pepper")
    return hkdf.derive(key.encode())
