"""Filters of the list of keys, each answered by an index or a short table."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from billing.models import ApiKey, KeyGroup, Source

NAMES_SHOWN = 100


class KeyStateFilter(admin.SimpleListFilter):
    """By state; every choice but active and expired has an index of its own."""

    title = "status"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """The states, and what calls for a look."""
        return [
            ("active", "Active"),
            ("suspended", "Suspended"),
            ("expired", "Expired"),
            ("revoked", "Revoked"),
            ("ambiguous", "Ambiguous: looks like another key"),
            ("issued", "Issued here"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows in that state."""
        over = Q(expires_at__isnull=False, expires_at__lte=Now())
        conditions = {
            "active": Q(active=True, suspended=False) & ~over,
            "suspended": Q(active=True, suspended=True),
            "expired": Q(active=True) & over,
            "revoked": Q(active=False),
            "ambiguous": Q(is_ambiguous=True),
            "issued": Q(is_issued_here=True),
        }
        condition = conditions.get(self.value() or "")
        return queryset.filter(condition) if condition is not None else queryset


class KeySourceFilter(admin.SimpleListFilter):
    """By source."""

    title = "source"
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Every source."""
        return [(slug, slug) for slug in Source.objects.values_list("slug", flat=True)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The keys of one."""
        return queryset.filter(source__slug=self.value()) if self.value() else queryset


class NamespaceFilter(admin.SimpleListFilter):
    """By namespace, the first hundred of them."""

    title = "namespace"
    parameter_name = "namespace"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Those in use, from their index."""
        names = ApiKey.objects.order_by("namespace").values_list("namespace", flat=True)
        return [(name, name) for name in names.distinct()[:NAMES_SHOWN]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The keys in one."""
        return queryset.filter(namespace=self.value()) if self.value() else queryset


class GroupFilter(admin.SimpleListFilter):
    """By group."""

    title = "group"
    parameter_name = "group"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Every group by name, the first hundred of them."""
        rows = KeyGroup.objects.order_by("name").values_list("group_id", "name")
        return list(rows[:NAMES_SHOWN])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The keys in one."""
        return queryset.filter(group_id=self.value()) if self.value() else queryset
