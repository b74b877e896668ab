"""Sources and tokens over HTTP: for admins."""

from typing import Any

from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from rest_framework import mixins
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from billing.api import filters
from billing.api.credentials import NewTokenSerializer, SourceSerializer, TokenSerializer
from billing.api.permissions import access_of
from billing.api.viewsets import ReadOnlyViewSet
from billing.models import AdminToken, Source
from billing.models.tokens import Role
from billing.tokens import revoke


class SourceViewSet(mixins.CreateModelMixin, mixins.UpdateModelMixin, ReadOnlyViewSet[Source]):
    """Producers of facts; their secrets are written and never read back."""

    queryset = Source.objects.all()
    serializer_class = SourceSerializer
    filterset_class = filters.SourceFilter
    lookup_field = "slug"
    orderings = ("slug",)
    scope_column = "slug"  # of a source itself
    is_shared = True
    http_method_names = ["get", "post", "patch", "head", "options"]


class TokenViewSet(mixins.CreateModelMixin, mixins.DestroyModelMixin, ReadOnlyViewSet[AdminToken]):
    """Tokens of REST clients; the secret is shown once, in the answer to POST."""

    queryset = AdminToken.objects.select_related("source")
    filterset_class = filters.TokenFilter
    lookup_field = "public_id"
    read_role = Role.ADMIN

    def get_serializer_class(self) -> type[BaseSerializer[AdminToken]]:
        """Only a token just made comes with its secret."""
        return NewTokenSerializer if self.action == "create" else TokenSerializer

    @method_decorator(never_cache)
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make a token; no cache may keep the answer, which holds the secret."""
        return super().create(request, *args, **kwargs)

    def perform_create(self, serializer: BaseSerializer[AdminToken]) -> None:
        """Make the token; an admin limited to a source makes tokens of that source only."""
        access = access_of(self.request)
        if access is None or access.source is None:
            serializer.save()
            return
        asked = serializer.validated_data.get("source", access.source)
        if asked != access.source:
            raise PermissionDenied("This token may not make tokens for others.", "foreign_source")
        serializer.save(source=access.source)

    def perform_destroy(self, instance: AdminToken) -> None:
        """Revoke; the row stays for the record."""
        revoke(instance)
