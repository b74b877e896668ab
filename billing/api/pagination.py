"""Pages by position, not by number: no COUNT, no OFFSET, and nothing skipped or shown twice."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Model, Q, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

Row = TypeVar("Row", bound=Model)
DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE = 100, 1000


class Position(NamedTuple):
    """A place between two rows: the value and key of the row on this side of it."""

    backwards: bool
    value: str | int
    key: int | str


class KeysetPagination(BasePagination):
    """`?page_size=` up to 1,000, `?ordering=` one of the view's `orderings` (`-` = descending).

    A view names its indexed columns in `orderings`, the first is the default; ties are broken by
    primary key. Rows without a value in the column asked for are left out.
    """

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any]:
        """One page of rows, and the places before and after it."""
        self.request = request
        column, descending = _ordering(request, getattr(view, "orderings", ("-id",)))
        size = _page_size(request)
        position = _decode(request.query_params.get("cursor"))
        backwards = position is not None and position.backwards
        found = list(_ordered(queryset, column, descending != backwards, position)[: size + 1])
        page = found[:size]
        self._note(page[::-1] if backwards else page, column, position, len(found) > size)
        return page[::-1] if backwards else page

    def _note(self, page: list[Row], column: str, position: Position | None, is_more: bool) -> None:
        backwards = position is not None and position.backwards
        has_next = is_more if not backwards else True
        has_previous = is_more if backwards else position is not None
        self.next = self._link(page[-1:], column, backwards=False) if has_next else None
        self.previous = self._link(page[:1], column, backwards=True) if has_previous else None

    def _link(self, edge: Sequence[Model], column: str, backwards: bool) -> str | None:
        if not edge:
            return None
        row = edge[0]
        cursor = _encode(Position(backwards, _plain(getattr(row, column)), row.pk))
        return replace_query_param(self.request.build_absolute_uri(), "cursor", cursor)

    def get_paginated_response(self, data: Any) -> Response:
        """`next` and `previous` are URLs or null."""
        return Response({"next": self.next, "previous": self.previous, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The shape of a page."""
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """The parameters of every list."""
        columns = [name.lstrip("-") for name in getattr(view, "orderings", ())]
        names = [f"{sign}{name}" for name in columns for sign in ("", "-")]
        size = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE}
        return [
            _parameter("cursor", {"type": "string"}, "Where a page begins, from `next`."),
            _parameter("page_size", {**size, "default": DEFAULT_PAGE_SIZE}, "Rows of a page."),
            _parameter("ordering", {"type": "string", "enum": names}, "`-` = descending."),
        ]


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _ordering(request: Request, orderings: tuple[str, ...]) -> tuple[str, bool]:
    asked = request.query_params.get("ordering", orderings[0])
    columns = [name.lstrip("-") for name in orderings]
    column = asked.removeprefix("-")
    if column not in columns:
        raise ValidationError({"ordering": [f"Use one of {', '.join(columns)}."]})
    return column, asked.startswith("-")


def _page_size(request: Request) -> int:
    asked = request.query_params.get("page_size", str(DEFAULT_PAGE_SIZE))
    if not (asked.isascii() and asked.isdigit() and 1 <= int(asked) <= MAX_PAGE_SIZE):
        raise ValidationError({"page_size": [f"Use a number from 1 to {MAX_PAGE_SIZE}."]})
    return int(asked)


def _ordered(
    rows: QuerySet[Row], column: str, descending: bool, position: Position | None
) -> QuerySet[Row]:
    sign, beyond = ("-", "lt") if descending else ("", "gt")
    if column == rows.model._meta.pk.name:
        kept = _narrowed(rows, Q(**{f"pk__{beyond}": position.key})) if position else rows
        return kept.order_by(f"{sign}pk")
    kept = rows.filter(**{f"{column}__isnull": False})
    if position:
        # The first condition alone is the index range; the second drops ties already shown.
        edge = Q(**{f"{column}__{beyond}e": position.value})
        tie = Q(**{f"{column}__{beyond}": position.value}) | Q(**{f"pk__{beyond}": position.key})
        kept = _narrowed(kept, edge & tie)
    return kept.order_by(f"{sign}{column}", f"{sign}pk")


def _narrowed(rows: QuerySet[Row], condition: Q) -> QuerySet[Row]:
    try:
        return rows.filter(condition)
    except (DjangoValidationError, ValueError, TypeError) as error:
        raise _not_a_cursor() from error


def _plain(value: Any) -> str | int:
    return value if isinstance(value, int) else str(value)


def _encode(position: Position) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode()


def _decode(cursor: str | None) -> Position | None:
    if not cursor:
        return None
    try:
        raw = base64.b64decode(cursor, altchars=b"-_", validate=True)
        position = msgspec.json.decode(raw, type=Position)
    except (binascii.Error, msgspec.DecodeError, ValueError) as error:
        raise _not_a_cursor() from error
    if "\0" in f"{position.value}{position.key}":
        raise _not_a_cursor()
    return position


def _not_a_cursor() -> ValidationError:
    return ValidationError({"cursor": ["Not a cursor of this list."]})
