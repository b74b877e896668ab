"""List filters that a table of any size can answer.

The period filter is a range on an indexed time. The others are not indexed on their own, so
without a period or a search they look at the last 30 days.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from billing.models import Network, Source

PERIODS = {
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
    "90d": ("Last 90 days", timedelta(days=90)),
}
PERIOD_VAR = "period"
UNINDEXED_PERIOD = timedelta(days=30)


class PeriodFilter(admin.SimpleListFilter):
    """Rows of the last so-and-so long, by the admin's `period_field`."""

    title = "period"
    parameter_name = PERIOD_VAR

    def __init__(
        self, request: HttpRequest, params: Any, model: type[Model], model_admin: Any
    ) -> None:
        """Remember which time is meant."""
        self.time_field: str = model_admin.period_field
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """The periods on offer."""
        return [(key, label) for key, (label, _) in PERIODS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the period."""
        period = PERIODS.get(self.value() or "")
        return since(queryset, self.time_field, period[1]) if period else queryset


def since(queryset: QuerySet[Any], time_field: str, length: timedelta) -> QuerySet[Any]:
    """The rows not older than `length` by the database's clock."""
    return queryset.filter(**{f"{time_field}__gte": Now() - length})


class BoundedFilter(admin.SimpleListFilter):
    """A filter on a column without an index of its own, kept to 30 days unless narrowed."""

    def __init__(
        self, request: HttpRequest, params: Any, model: type[Model], model_admin: Any
    ) -> None:
        """Remember which time bounds the rows."""
        self.time_field: str = model_admin.period_field
        super().__init__(request, params, model, model_admin)

    def condition(self, value: str) -> Q:
        """The rows a choice means."""
        return Q(**{str(self.parameter_name): value})

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The chosen rows, bounded."""
        value = self.value()
        if value is None:
            return queryset
        is_narrow = request.GET.get(PERIOD_VAR) in PERIODS or request.GET.get(SEARCH_VAR)
        bounded = queryset if is_narrow else since(queryset, self.time_field, UNINDEXED_PERIOD)
        return bounded.filter(self.condition(value))


class NetworkFilter(BoundedFilter):
    """By network."""

    title = "network (last 30 days unless a period is chosen)"
    parameter_name = "network"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Every network that anything has named as its own."""
        return list(Network.objects.order_by("name").values_list("chain_id", "name"))


class SourceFilter(BoundedFilter):
    """By source."""

    title = "source (last 30 days unless a period is chosen)"
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Every source."""
        return [(slug, slug) for slug in Source.objects.values_list("slug", flat=True)]

    def condition(self, value: str) -> Q:
        """Rows of the source with this slug."""
        return Q(source__slug=value)


def choice_filter(
    column: str, label: str, choices: Callable[[], Iterable[tuple[str, str]]]
) -> type[BoundedFilter]:
    """A bounded filter over a column's fixed choices."""

    class ChoiceFilter(BoundedFilter):
        title = f"{label} (last 30 days unless a period is chosen)"
        parameter_name = column

        def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
            return choices()

    return ChoiceFilter
