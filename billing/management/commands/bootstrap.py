"""The first credentials: made when there are none, from the environment when it names them."""

import json
import os
import secrets
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand
from django.db import connection, transaction

from billing.access.roles import seed
from billing.models import AdminToken, Source
from billing.models.tokens import Role
from billing.tokens import find_any, issue

LOCK = 0x7061796761746501  # two first starts at once make one set of credentials
NAME = "bootstrap"


class Command(BaseCommand):
    """Idempotent: what exists is left alone, and what is shown is shown once."""

    help = (
        "Make the first superuser, the groups of the roles, the default source and the admin token "
        "if they are missing. "
        "PAYGATE_ADMIN_USER, PAYGATE_ADMIN_PASSWORD and PAYGATE_ADMIN_TOKEN fix them. Prints one "
        "line of JSON: user, password and token, null for what existed or came from there."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing and print it."""
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])
            seed(only_missing=True)
            Source.objects.get_or_create(slug="default", defaults={"name": "Default"})
            user, password = _first_superuser()
            token = _admin_token()
        self.stdout.write(json.dumps({"user": user, "password": password, "token": token}))


def _first_superuser() -> tuple[str | None, str | None]:
    """Name and password of a superuser just made; the password only when made up here."""
    name = os.environ.get("PAYGATE_ADMIN_USER", "")
    given = os.environ.get("PAYGATE_ADMIN_PASSWORD", "")
    superusers = User.objects.filter(is_superuser=True)
    if superusers.filter(username=name).exists() if name else superusers.exists():
        return None, None
    password = given or secrets.token_urlsafe(18)
    user = name or "admin"
    account, _ = User.objects.get_or_create(username=user)
    account.is_staff = account.is_superuser = account.is_active = True
    account.set_password(password)
    account.save()
    return (None if name else user), (None if given else password)


def _admin_token() -> str | None:
    """The secret of an admin token just made up; None when one exists or is given."""
    given = os.environ.get("PAYGATE_ADMIN_TOKEN", "").strip()
    if given:
        _adopt(given)
        return None
    if AdminToken.objects.filter(name=NAME).exists():
        return None
    return issue(_new_token())


def _adopt(secret: str) -> None:
    """Make sure that the given secret is an active admin token."""
    known = find_any(secret.encode())
    if known is None:
        issue(_new_token(), secret)
        return
    known.revoked_at = known.expires_at = None
    known.role, known.can_ingest, known.source = Role.ADMIN, True, None
    known.save()


def _new_token() -> AdminToken:
    return AdminToken(name=NAME, role=Role.ADMIN, can_ingest=True)
