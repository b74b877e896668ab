"""One caller for each column of the matrix, and something for them to find."""

import json
from dataclasses import dataclass, field
from decimal import Decimal

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client

from billing.access.roles import GROUPS, seed
from billing.access.second_factor import new_key
from billing.ingest import receive
from billing.keys.issue import issue_key
from billing.models import AdminToken, Authenticator, Source
from billing.models.tokens import Role
from billing.tokens import issue

PAYMENT = {
    "type": "payment:settled",
    "data": {"paymentId": "p1", "fee": "0.01", "network": "base", "timestamp": 1_767_225_600_000},
}


@dataclass(frozen=True)
class Caller:
    """Somebody at the door: by cookie, by token, or with neither."""

    name: str
    cookie: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_token(self) -> bool:
        """Whether it is a program."""
        return bool(self.headers)


def make_callers() -> list[Caller]:
    """The columns, in their order; with a payment, a rejected event and a key in the database."""
    seed()
    source, _ = Source.objects.get_or_create(slug="default", defaults={"name": "Default"})
    receive([json.dumps(PAYMENT).encode(), b"{}"], source)
    issue_key(source, "user:superuser", Decimal(5), name="acme", namespace="default")
    return [Caller("nobody"), _customer(), _half(), _staff("staff"), *_members(), *_tokens(source)]


def _members() -> list[Caller]:
    root = User.objects.create_superuser("superuser")
    return [*(_staff(name, name) for name in GROUPS), _signed_in("superuser", root)]


def _staff(name: str, *groups: str) -> Caller:
    user = User.objects.create_user(name, is_staff=True)
    user.groups.set(Group.objects.filter(name__in=groups))
    return _signed_in(name, user)


def _customer() -> Caller:
    return _signed_in("customer", User.objects.create_user("customer"))


def _half() -> Caller:
    """A superuser who has not given the second factor."""
    user = User.objects.create_superuser("half")
    Authenticator.objects.create(user=user, name="app", key=new_key(user))
    return _signed_in("half", user)


def _signed_in(name: str, user: User) -> Caller:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return Caller(name, client.cookies[settings.SESSION_COOKIE_NAME].value)


def _tokens(source: Source) -> list[Caller]:
    made = [AdminToken(name=role, role=role) for role in Role.values]
    made.append(AdminToken(name="ingest", can_ingest=True, source=source))
    return [Caller(f"token {each.name}", headers={"X-Admin-Key": issue(each)}) for each in made]
