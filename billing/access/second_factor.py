"""The second factor of staff: when it is owed, and how it is given, made, and taken away.

A session names the factor that verified it. It counts while that factor is its user's; a user
without any needs none, unless PAYGATE_REQUIRE_SECOND_FACTOR says that all do.
"""

import base64
import math
import re
import secrets
import time
from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.oath import TOTP

from billing.access.sealing import digests, seal, unseal
from billing.models.second_factor import Authenticator, RecoveryCodes

KEY_BYTES = 20
CODES = 10
CODE_BYTES = 10  # 16 characters of base32: 80 bits
APP_CODE = re.compile(r"[0-9]{6}")
Device = Authenticator | RecoveryCodes
Factors = dict[int, set[str]]


class Throttled(Exception):
    """Too many wrong codes: none is looked at for some seconds."""

    def __init__(self, seconds: int) -> None:
        """How long it still takes."""
        super().__init__(f"wait {seconds} s")
        self.seconds = seconds


class AlreadyEnrolled(Exception):
    """The user has a second factor by now."""


def factors_of(users: Collection[int]) -> Factors:
    """The names, as sessions keep them, of every factor of these users."""
    rows = Authenticator.objects.filter(user__in=users, confirmed=True)
    found: Factors = {}
    for user_id, app, paper in rows.values_list("user_id", "id", F("user__staticdevice__id")):
        names = {f"{Authenticator.model_label()}/{app}", f"{RecoveryCodes.model_label()}/{paper}"}
        found[user_id] = names
    return found


def factor_in(session: Any) -> str:
    """The factor that verified a session; empty when none did."""
    return str(session.get(DEVICE_ID_SESSION_KEY, ""))


def is_enough(factor: str, of_user: Collection[str]) -> bool:
    """Whether a session that `factor` verified counts for a user who has the factors `of_user`.

    A session does not outlive its factor: what was verified by one that is gone is not enough.
    """
    if of_user or factor or settings.PAYGATE_REQUIRE_SECOND_FACTOR:
        return factor in of_user
    return True


def is_owed(user: User, session: Any) -> bool:
    """Whether the session of a member of staff still lacks its second factor."""
    return not is_enough(factor_in(session), factors_of([user.pk]).get(user.pk, ()))


def has_one(user: User) -> bool:
    """Whether the user has a second factor."""
    found: bool = Authenticator.objects.filter(user=user, confirmed=True).exists()
    return found


def check(user: User, code: str) -> Device | None:
    """The factor that the code proves, or None when it is wrong or used up.

    Throttled after wrong ones: 1, 2, 4, 8 ... seconds, for each kind of code on its own.
    """
    code = code.lower().replace(" ", "").replace("-", "")
    kind = Authenticator if APP_CODE.fullmatch(code) else RecoveryCodes
    with transaction.atomic():
        rows = kind.objects.select_for_update(of=("self",))
        device: Device | None = rows.filter(user=user, confirmed=True).first()
        if device is None:
            return None
        _raise_if_throttled(device)
        return device if device.verify_token(code) else None


def _raise_if_throttled(device: Device) -> None:
    is_allowed, why = device.verify_is_allowed()
    if not is_allowed:
        left = (why["locked_until"] - timezone.now()).total_seconds()
        raise Throttled(max(1, math.ceil(left)))


def new_key(user: User) -> str:
    """A secret for an app, sealed; it becomes the user's by `enrol`."""
    return seal(secrets.token_bytes(KEY_BYTES), user.pk)


def app_of(user: User, sealed: str) -> Authenticator:
    """The app as it would be enrolled: not saved, to show its address and its secret."""
    return Authenticator(user=user, name="app", key=sealed)


def shown_key(sealed: str, user: User) -> str:
    """The secret as people type it into an app."""
    return base64.b32encode(unseal(sealed, user.pk)).decode()


def enrol(user: User, sealed: str, code: str) -> tuple[Authenticator, list[str]] | None:
    """Make the app the user's factor and give recovery codes, when its code proves it works.

    None for a wrong code; AlreadyEnrolled when another session of the user was faster.
    """
    app = app_of(user, sealed)
    totp = TOTP(app.bin_key)
    totp.time = time.time()
    if not APP_CODE.fullmatch(code) or not totp.verify(int(code), tolerance=1):
        return None
    app.last_t, app.drift = totp.t(), totp.drift  # the code just used is used up
    try:
        with transaction.atomic():
            app.save()
            codes = new_codes(user)
    except IntegrityError as error:
        raise AlreadyEnrolled from error
    return app, codes


def new_codes(user: User) -> list[str]:
    """Fresh recovery codes instead of all former ones; only this answer ever has them."""
    codes = [_random_code() for _ in range(CODES)]
    with transaction.atomic():
        paper, _ = RecoveryCodes.objects.get_or_create(user=user, defaults={"name": "codes"})
        paper.token_set.all().delete()
        for code in codes:
            paper.token_set.create(token=digests(code, user.pk)[0])
    return ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in codes]


def _random_code() -> str:
    return base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode().lower()


def codes_left(user: User) -> int:
    """How many recovery codes are not used yet."""
    left: int = RecoveryCodes.objects.filter(user=user, token_set__isnull=False).count()
    return left


def remove(user: User) -> bool:
    """Take the factor away and end all sessions of the user; False when there was none."""
    with transaction.atomic():
        gone, _ = Authenticator.objects.filter(user=user).delete()
        RecoveryCodes.objects.filter(user=user).delete()
        _end_sessions(user)
    return bool(gone)


def _end_sessions(user: User) -> None:
    """A session that owed the factor must not be worth more without it."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()
