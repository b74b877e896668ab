"""Keys and what belongs to them over HTTP: viewers read, support acts."""

import secrets
from typing import Any

from django.db import transaction
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.throttling import BaseThrottle

from billing.api import key_filters as filters
from billing.api import key_serializers as serializers
from billing.api.permissions import Access, RolePermission, access_of, limited_to
from billing.api.throttles import IngestThrottle, TokenThrottle
from billing.api.viewsets import ReadOnlyViewSet
from billing.gateway.redact import redacted
from billing.keys.issue import issue_key
from billing.keys.values import now_ms
from billing.keys.verify import Attempt, RequestMismatch, verify
from billing.models import ApiKey, CreditEntry, KeyGroup, KeyNote, Source, UsageEvent
from billing.models.tokens import Role

DEFAULT_SOURCE = "default"
SEALED = ("source__signing_secret", "source__previous_signing_secret", "source__admin_key")


class RequestReused(APIException):
    """409: the request id belongs to another request."""

    status_code = 409
    default_detail = "This request id was used for another request."
    default_code = "request_mismatch"


class NotOurs(APIException):
    """409: the gateway decides about it."""

    status_code = 409
    default_detail = "A gateway's own group is changed at the gateway."
    default_code = "gateways_own"


class VerifyPermission(BasePermission):
    """Support, or the scope `ingest`."""

    def has_permission(self, request: Request, view: object) -> bool:
        """Whether the caller may check and charge keys."""
        access = access_of(request)
        return access is not None and (access.can_ingest or access.has_role(Role.SUPPORT))


def caller_of(request: Request) -> Access:
    """The caller's rights. PermissionDenied for strangers."""
    access = access_of(request)
    if access is None:
        raise PermissionDenied
    return access


def source_named(request: Request, slug: str | None) -> Source:
    """The source meant: the caller's own, else the one named, else `default`.

    The scope `ingest` alone reaches the caller's own source only.
    """
    access = caller_of(request)
    own = access.source.slug if access.source else DEFAULT_SOURCE
    wanted = slug or own
    may_choose = access.source is None and access.has_role(Role.SUPPORT)
    if wanted != own and not may_choose:
        raise PermissionDenied("This token may not act for that source.", "foreign_source")
    found = Source.objects.filter(slug=wanted).first()
    if found is None:
        raise ValidationError({"source": [f"There is no source {wanted!r}."]})
    return found


def check_group(source: Source, group: str) -> None:
    """ValidationError unless the source has such a group; empty is none."""
    if group and not KeyGroup.objects.filter(source=source, group_id=group).exists():
        raise ValidationError({"group": [f"The source has no group {group!r}."]})


class KeyViewSet(ReadOnlyViewSet[ApiKey]):
    """Consumer keys, of gateways and issued here. Change one by its actions."""

    queryset = ApiKey.objects.select_related("source").defer("snapshot", *SEALED)
    serializer_class: type[BaseSerializer[ApiKey]] = serializers.KeySerializer
    filterset_class = filters.ApiKeyFilter
    orderings = (
        *("-id", "created_at", "last_used_at", "name", "credits", "total_spent", "total_calls"),
    )
    write_role = Role.SUPPORT

    def get_permissions(self) -> list[BasePermission]:
        """Verifying is also for gateways, which have the scope `ingest`."""
        return [VerifyPermission() if self.action == "verify" else RolePermission()]

    def get_throttles(self) -> list[BaseThrottle]:
        """Verifying has the rate of the ingest doors."""
        return [IngestThrottle() if self.action == "verify" else TokenThrottle()]

    @extend_schema(
        summary="Issue a key",
        request=serializers.IssueSerializer,
        responses={201: serializers.NewKeySerializer},
    )
    @method_decorator(never_cache)
    def create(self, request: Request) -> Response:
        """Issue a key; the answer is the only place that ever shows it."""
        asked = serializers.IssueSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        fields: dict[str, Any] = dict(asked.validated_data)
        source = source_named(request, fields.pop("source", None))
        group = fields.pop("group")
        check_group(source, group)
        credits = fields.pop("credits")
        issued = issue_key(source, caller_of(request).who, credits, group_id=group, **fields)
        shown = serializers.KeySerializer(issued.key).data
        return Response({"key": issued.secret, **shown}, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Check and charge a call",
        request=serializers.VerifySerializer,
        responses={200: serializers.VerdictSerializer},
    )
    @action(detail=False, methods=["post"])
    @method_decorator(never_cache)
    def verify(self, request: Request) -> Response:
        """Check a key issued here and charge the call, at once and never below zero.

        The same request with the same `request_id` gets the same answer and costs nothing more.
        """
        asked = serializers.VerifySerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given: dict[str, Any] = asked.validated_data
        attempt = Attempt(
            secret=given["key"],
            tool=given["tool"],
            credits=given.get("credits"),
            request_id=given.get("request_id"),
            address=given.get("ip"),
        )
        try:
            verdict = verify(source_named(request, given.get("source")), attempt)
        except RequestMismatch as error:
            raise RequestReused from error
        return Response(serializers.VerdictSerializer(verdict).data)


class KeyGroupViewSet(mixins.UpdateModelMixin, ReadOnlyViewSet[KeyGroup]):
    """Groups of keys. Those of a gateway are read here and changed there."""

    queryset = KeyGroup.objects.select_related("source").defer(*SEALED)
    serializer_class = serializers.KeyGroupSerializer
    filterset_class = filters.KeyGroupFilter
    write_role = Role.SUPPORT
    http_method_names = ["get", "post", "patch", "head", "options"]

    @extend_schema(
        request=serializers.NewKeyGroupSerializer,
        responses={201: serializers.KeyGroupSerializer},
    )
    def create(self, request: Request) -> Response:
        """Make a group of keys issued here."""
        asked = serializers.NewKeyGroupSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        fields: dict[str, Any] = dict(asked.validated_data)
        source = source_named(request, fields.pop("source", None))
        fields.setdefault("group_id", f"grp_{secrets.token_hex(8)}")
        with transaction.atomic():
            group = KeyGroup.objects.create(source=source, created_at=now_ms(), **fields)
        return Response(self.get_serializer(group).data, status=status.HTTP_201_CREATED)

    def perform_update(self, serializer: BaseSerializer[KeyGroup]) -> None:
        """Change it, unless a gateway says what it is; the id stays, keys name it."""
        group = serializer.instance
        if group is None or group.seen_at is not None:
            raise NotOurs
        serializer.save(group_id=group.group_id)


class KeyNoteViewSet(mixins.CreateModelMixin, mixins.DestroyModelMixin, ReadOnlyViewSet[KeyNote]):
    """Remarks about keys."""

    queryset = KeyNote.objects.all()
    serializer_class = serializers.KeyNoteSerializer
    filterset_class = filters.KeyNoteFilter
    scope_column = "key__source"
    write_role = Role.SUPPORT

    def perform_create(self, serializer: BaseSerializer[KeyNote]) -> None:
        """Add it in the caller's name; a key of another source is as if it were not there."""
        access = caller_of(self.request)
        key: ApiKey = serializer.validated_data["key"]
        if not limited_to(ApiKey.objects.filter(pk=key.pk), access, "source").exists():
            raise ValidationError({"key": [f'Invalid pk "{key.pk}" - object does not exist.']})
        text = redacted(serializer.validated_data["text"])
        serializer.save(author=access.who, text=text)


class CreditEntryViewSet(ReadOnlyViewSet[CreditEntry]):
    """Ledgers: every change of the balance of keys issued here. Append-only."""

    queryset = CreditEntry.objects.all()
    serializer_class = serializers.CreditEntrySerializer
    filterset_class = filters.CreditEntryFilter
    scope_column = "key__source"


class UsageEventViewSet(ReadOnlyViewSet[UsageEvent]):
    """Metered calls, of gateways and of keys issued here. Append-only."""

    queryset = UsageEvent.objects.select_related("source").defer(*SEALED)
    serializer_class = serializers.UsageEventSerializer
    filterset_class = filters.UsageEventFilter
