"""The admin of rows that only the system may change."""

from typing import Any

from django.contrib.admin import ShowFacets
from django.db.models import F, Model, Q, QuerySet
from django.http import HttpRequest

from billing.admin.figures import EMPTY
from billing.admin.listing import SeekChangeList, seeking
from billing.admin.theme import ModelAdmin


class ReadOnlyAdmin(ModelAdmin):
    """View-only, newest first, never counted, one query a page whatever the table's size.

    `seek_time` is the column that, with id, orders the list through an index (None: id alone);
    `period_field` is the time that the period filter means.
    """

    seek_time: str | None = None
    period_field = "received_at"
    actions: Any = None
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_fullwidth = True
    list_disable_select_all = True
    empty_value_display = EMPTY

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[SeekChangeList]:
        """The list that seeks instead of counting."""
        return seeking(self.seek_time)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows arrive on their own."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A correction is a new event."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """The book keeps everything."""
        return False


class FactAdmin(ReadOnlyAdmin):
    """Rows of a source, found again by exact search."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Rows with their source's slug, without its sealed secrets."""
        rows = super().get_queryset(request)
        named: QuerySet[Any] = rows.annotate(source_slug=F("source__slug"))
        return named

    def matching(self, term: str) -> Q:
        """The rows a search term means; every arm an equality on an indexed column."""
        return Q(pk__in=[])

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Exact matches only: a substring search would read the whole table."""
        term = search_term.strip()
        return (queryset.filter(self.matching(term)) if term else queryset), False
