"""The trail over HTTP, for admins of every source."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from audit.models import AuditEntry
from billing.api.filters import RecordFilter, after, before
from billing.api.permissions import RolePermission, access_of
from billing.api.viewsets import ReadOnlyViewSet
from billing.models.tokens import Role


class AuditEntryFilter(RecordFilter):
    """Entries by who, what and when."""

    at_after = after("at")
    at_before = before("at")

    class Meta:
        model = AuditEntry
        fields = ("actor", "action", "object_type", "object_id", "request_id")


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    """One change; hashes in hexadecimal."""

    before = serializers.DictField(allow_null=True, read_only=True)
    after = serializers.DictField(allow_null=True, read_only=True)
    previous = serializers.SerializerMethodField()
    hash = serializers.SerializerMethodField()

    class Meta:
        model = AuditEntry
        fields: tuple[str, ...] = (
            *("id", "at", "actor", "action", "object_type", "object_id", "reason", "request_id"),
            *("before", "after", "previous", "hash"),
        )

    def get_previous(self, entry: AuditEntry) -> str:
        """The hash of the entry before; empty for the first."""
        return bytes(entry.previous).hex()

    def get_hash(self, entry: AuditEntry) -> str:
        """SHA-256 of the entry and of `previous`."""
        return bytes(entry.hash).hex()


class OfEverySource(RolePermission):
    """The trail tells of every source: a caller limited to one does not see it."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the caller is an admin of all."""
        access = access_of(request)
        is_limited = access is not None and access.source is not None
        return not is_limited and super().has_permission(request, view)


class AuditEntryViewSet(ReadOnlyViewSet[AuditEntry]):
    """Who changed what, from what to what, and why; and what callers were refused."""

    queryset: QuerySet[AuditEntry] = AuditEntry.objects.all()
    serializer_class = AuditEntrySerializer
    filterset_class = AuditEntryFilter
    permission_classes: tuple[type[BasePermission], ...] = (OfEverySource,)
    read_role = Role.ADMIN
    scope_column = None
