"""Change lists of big tables: pages are sought by key, nothing is ever counted."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.admin.views.main import PAGE_VAR
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from billing.admin.theme import ChangeList

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Position:
    """Where a page begins: just older (or newer) than the row with this key."""

    is_older: bool
    at: datetime | None
    pk: int

    @classmethod
    def parse(cls, text: str, has_time: bool) -> "Position | None":
        """Read `older-<id>` or `older-<microseconds>-<id>`; None when it is neither."""
        direction, *numbers = text.split("-")
        is_wellformed = direction in ("older", "newer") and len(numbers) == 1 + has_time
        if not is_wellformed or not all(part.isascii() and part.isdigit() for part in numbers):
            return None
        try:
            at = EPOCH + int(numbers[0]) * MICROSECOND if has_time else None
        except OverflowError:
            return None
        pk = int(numbers[-1])
        return cls(direction == "older", at, pk) if pk < 2**63 else None

    def __str__(self) -> str:
        """The form that `parse` reads."""
        time = [] if self.at is None else [str((self.at - EPOCH) // MICROSECOND)]
        return "-".join(["older" if self.is_older else "newer", *time, str(self.pk)])

    def condition(self, time_field: str | None) -> Q:
        """The rows on the wanted side of the key; led by a bare range so that indexes apply."""
        side = "lt" if self.is_older else "gt"
        beyond = Q(**{f"id__{side}": self.pk})
        if time_field is None:
            return beyond
        tied = Q(**{time_field: self.at}) & beyond
        bound = Q(**{f"{time_field}__{side}e": self.at})
        return bound & (Q(**{f"{time_field}__{side}": self.at}) | tied)


def seeking(time_field: str | None) -> "type[SeekChangeList]":
    """The list of a table whose pages are ordered by `time_field` (None: nothing) and id."""
    return type("SeekChangeList", (SeekChangeList,), {"seek_time": time_field})


class SeekPaginator(Paginator):  # type: ignore[type-arg]  # generic only in the stubs
    """Tells the templates which links to draw; it knows no total."""

    template_name = "admin/seek_pagination.html"
    older: str | None = None
    newer: str | None = None


class SeekChangeList(ChangeList):
    """Newest first; `?p=older-<key>` seeks through the index, so every page costs the same."""

    seek_time: str | None = None

    def get_results(self, request: HttpRequest) -> None:
        """Fetch one page and one row more, which tells whether there is another page."""
        time_field = self.seek_time
        position = Position.parse(request.GET.get(PAGE_VAR, ""), time_field is not None)
        rows, has_more = self._page(position, time_field)
        paginator = SeekPaginator(self.queryset, self.list_per_page)
        is_back = position is not None and not position.is_older
        if rows and (has_more if not is_back else True):
            paginator.older = self._link(rows[-1], time_field, is_older=True)
        if rows and (has_more if is_back else position is not None):
            paginator.newer = self._link(rows[0], time_field, is_older=False)
        self.paginator, self.result_list = paginator, rows
        self.result_count = self.full_result_count = len(rows)  # of the page; no total is known
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = bool(rows)

    def _page(self, position: Position | None, time_field: str | None) -> tuple[list[Model], bool]:
        keys = [time_field, "id"] if time_field else ["id"]
        queryset = self.queryset
        is_back = position is not None and not position.is_older
        if position is not None:
            queryset = queryset.filter(position.condition(time_field))
        queryset = queryset.order_by(*(key if is_back else f"-{key}" for key in keys))
        found = list(queryset[: self.list_per_page + 1])
        rows = found[: self.list_per_page]
        return (rows[::-1] if is_back else rows), len(found) > self.list_per_page

    def _link(self, row: Model, time_field: str | None, is_older: bool) -> str:
        at = getattr(row, time_field) if time_field else None
        query: str = self.get_query_string({PAGE_VAR: str(Position(is_older, at, row.pk))})
        return query

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Only the seek order: any other would need a sort of the whole table."""
        return [f"-{self.seek_time}", "-id"] if self.seek_time else ["-id"]
