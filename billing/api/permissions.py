"""What a caller may do: roles for tokens and staff, the scope of a source, the scope ingest."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from billing.access.roles import INGEST, groups_of, role_of
from billing.api.signatures import SignedRequest
from billing.models import AdminToken, Source
from billing.models.tokens import ROLE_ORDER, Role

if TYPE_CHECKING:  # views import this module while they are being imported themselves
    from rest_framework.views import APIView

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Access:
    """A caller's rights.

    `who` names the caller in throttles and records; `source` limits what it reads and writes,
    None = every source.
    """

    who: str
    role: str
    can_ingest: bool
    source: Source | None

    def has_role(self, role: str) -> bool:
        """Whether the caller's role includes `role`."""
        return bool(self.role) and ROLE_ORDER[self.role] >= ROLE_ORDER[role]


def access_of(request: Request) -> Access | None:
    """The caller's rights, or None for a stranger and for a user who is not staff."""
    auth = request.auth
    if isinstance(auth, AdminToken):
        return Access(f"token:{auth.public_id}", auth.role, auth.can_ingest, auth.source)
    if isinstance(auth, SignedRequest):
        return Access(f"source:{auth.source.slug}", "", True, auth.source)
    user = request.user
    if isinstance(user, User) and user.is_staff:
        groups = groups_of(user)
        return Access(f"user:{user.username}", role_of(user, groups), INGEST in groups, None)
    return None


def limited_to(rows: QuerySet[Row], access: Access | None, column: str | None) -> QuerySet[Row]:
    """The rows a caller may see: those of its source, by the column that leads to a source.

    The one place that limits a token to its source. `column` None = rows that belong to none.
    """
    if access is None:
        return rows.none()
    if access.source is None or column is None:
        return rows
    return rows.filter(**{column: access.source})


class RolePermission(BasePermission):
    """Reading needs the view's `read_role` (viewer), writing its `write_role` (admin).

    A view with `is_shared` holds what belongs to no single source: a caller limited to a source
    may read it, never write it.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Whether the caller may use this method of the view."""
        access = access_of(request)
        if access is None:
            return False
        if request.method in SAFE_METHODS:
            return access.has_role(_of(view, "read_role", Role.VIEWER))
        if access.source is not None and _of(view, "is_shared", default=False):
            return False
        return access.has_role(_of(view, "write_role", Role.ADMIN))


class IngestPermission(BasePermission):
    """Only callers with the scope `ingest`: tokens and staff that have it, producers that sign."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Whether the caller may post events."""
        access = access_of(request)
        return access is not None and access.can_ingest


def _of(view: "APIView", name: str, default: Any) -> Any:
    return getattr(view, name, default)
