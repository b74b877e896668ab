"""Results as CSV: the same fields as JSON, one cell each."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.renderers import BaseRenderer

from analytics.registry import Report
from analytics.serializers import AnyField, AnySerializer, result_serializer
from billing.api.renderers import exact_json

NUMBER = re.compile(r"-?\d+(\.\d+)?")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class ReportCSVRenderer(BaseRenderer):
    """text/csv of a report's answer (billing.api.renderers gives the JSON)."""

    media_type = "text/csv"
    format = "csv"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The bytes; the view in the context names the report."""
        report: Report = (renderer_context or {})["view"].report
        return csv_text(report, data).encode()


def csv_text(report: Report, data: Any) -> str:
    """A report's data as CSV with a header; RFC 4180 line ends.

    A list gives a row for each item. An object gives one row of its plain fields, nested ones
    under dotted names, then a row for each item of the lists in it, other cells empty, so that
    summing a column counts nothing twice. Items with lists of their own are followed by theirs.
    """
    serializer = result_serializer(report.row_type)()
    header = columns(serializer)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    for item in data if report.is_list else [data]:
        for row in rows(serializer, item):
            writer.writerow([cell(row.get(name)) for name in header])
    return out.getvalue()


def columns(serializer: AnySerializer, prefix: str = "") -> list[str]:
    """The header of a result's fields; a mapping has the columns `key` and `value`."""
    return [
        name
        for field_name, field in serializer.fields.items()
        for name in _columns_of(field, prefix + field_name)
    ]


def _columns_of(field: AnyField | None, name: str) -> list[str]:
    if isinstance(field, serializers.ListSerializer):
        return _columns_of(field.child, name)
    if isinstance(field, serializers.Serializer):
        return columns(field, f"{name}.")
    if isinstance(field, serializers.DictField):
        is_plain = not isinstance(field.child, serializers.Serializer)
        members = [f"{name}.value"] if is_plain else _columns_of(field.child, name)
        return [f"{name}.key", *members]
    return [name]


def rows(
    serializer: AnySerializer, item: Mapping[str, Any], prefix: str = ""
) -> Iterator[dict[str, Any]]:
    """The rows of one object: its own cells, then the items of its lists and mappings."""
    own: dict[str, Any] = {}
    inner: list[dict[str, Any]] = []
    _collect(serializer, item, prefix, own, inner)
    if own:
        yield own
    yield from inner


def _collect(
    serializer: AnySerializer,
    item: Mapping[str, Any],
    prefix: str,
    own: dict[str, Any],
    inner: list[dict[str, Any]],
) -> None:
    for field_name, field in serializer.fields.items():
        name, value = prefix + field_name, item.get(field_name)
        if isinstance(field, serializers.ListSerializer):
            for each in value or ():
                inner.extend(_collected(field.child, each, name))
        elif isinstance(field, serializers.Serializer):
            _collect(field, value or {}, f"{name}.", own, inner)
        elif isinstance(field, serializers.DictField):
            for key, each in (value or {}).items():
                inner.extend(_member_rows(field, name, key, each))
        else:
            own[name] = value


def _collected(field: AnyField | None, value: Any, name: str) -> list[dict[str, Any]]:
    """The rows of one item of a list or mapping."""
    if isinstance(field, serializers.Serializer):
        return list(rows(field, value, f"{name}."))
    return [{f"{name}.value": value}]


def _member_rows(
    field: serializers.DictField, name: str, key: str, value: Any
) -> list[dict[str, Any]]:
    own, *inner = _collected(field.child, value, name) or [{}]
    return [{f"{name}.key": key, **own}, *inner]


def cell(value: Any) -> Any:
    """A value as a cell; text that a spreadsheet would run as a formula gets a leading '."""
    if isinstance(value, str) and value.startswith(FORMULA) and not NUMBER.fullmatch(value):
        return f"'{value}"
    if isinstance(value, (list, dict)):
        return exact_json(value).decode()
    return "" if value is None else value
