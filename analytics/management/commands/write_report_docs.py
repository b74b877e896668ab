"""Write docs/reports.md from the registry, or check that it is current."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rest_framework import serializers

from analytics.registry import Report, all_reports
from analytics.serializers import (
    AnyField,
    AnySerializer,
    IsoMsField,
    MoneyField,
    NumberField,
    params_serializer,
    result_serializer,
)

PATH = Path(settings.BASE_DIR) / "docs" / "reports.md"

INTRODUCTION = """\
# Reports

Written by `manage.py write_report_docs` from the code; do not edit.

Every report is read at `GET /api/v1/analytics/<path>` (`?format=csv` for CSV) and printed by
`manage.py report <path>`. The clients of a gateway ask for the reports of the gateway family at
`GET /admin/<slug>` too ([decision 20](adr/0020-drop-in.md)). A window W ending at as_of means
(as_of - W, as_of]; from and to mean [from, to). Times without an offset are times of the zone `tz`.
Money is a string in US dollars with at least six decimals, exact; other figures are JSON numbers.
Testnets and unregistered networks are left out unless `include_testnets=true`. Parameters that a
report does not know are ignored.
"""


class Command(BaseCommand):
    """`manage.py write_report_docs [--check]`."""

    help = "Write docs/reports.md; with --check only fail when it is not current."

    def add_arguments(self, parser: CommandParser) -> None:
        """Only --check."""
        parser.add_argument("--check", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write, or compare; CommandError when a check finds a difference."""
        if not options["check"]:
            PATH.parent.mkdir(exist_ok=True)
            PATH.write_text(document(), encoding="utf-8")
        elif not PATH.exists() or PATH.read_text(encoding="utf-8") != document():
            raise CommandError(f"{PATH.name} is not current: run manage.py write_report_docs")


def document() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(_section(report) for report in all_reports())])


def _section(report: Report) -> str:
    _, _, rest = report.description.partition("\n")
    lines = [
        f"## {report.title}",
        "",
        f"`GET /api/v1/analytics/{report.path}`" + (" (a list)" if report.is_list else ""),
        "",
        rest.strip(),
        "",
        "| parameter | default | meaning |",
        "| --- | --- | --- |",
        *_parameters(params_serializer(report.params_type)()),
        "",
        "| field | type | meaning |",
        "| --- | --- | --- |",
        *_fields(result_serializer(report.row_type)()),
        "",
    ]
    return "\n".join(lines)


def _parameters(serializer: AnySerializer) -> Iterator[str]:
    for name, field in serializer.fields.items():
        default = "" if field.default is serializers.empty else str(field.default)
        yield f"| {name} | {default} | {_cell(field)} |"


def _fields(serializer: AnySerializer, prefix: str = "") -> Iterator[str]:
    for name, field in serializer.fields.items():
        null = " or null" if field.allow_null else ""
        yield f"| {prefix}{name} | {_type(field)}{null} | {_cell(field)} |"
        inner, mark = _inner(field)
        if isinstance(inner, serializers.Serializer):
            yield from _fields(inner, f"{prefix}{name}{mark}.")


def _inner(field: AnyField) -> tuple[AnyField | None, str]:
    """What is inside a list or mapping, and the sign for it."""
    if isinstance(field, serializers.ListSerializer):
        return field.child, "[]"
    return (field.child, ".*") if isinstance(field, serializers.DictField) else (field, "")


def _cell(field: AnyField) -> str:
    choices = getattr(field, "choices", None)
    said = str(field.help_text or "")
    listed = "One of " + ", ".join(choices) + "." if choices else ""
    return " ".join(text for text in (said, listed) if text)


NAMES: tuple[tuple[type[AnyField], str], ...] = (
    (serializers.ListSerializer, "list"),
    (serializers.Serializer, "object"),
    (serializers.JSONField, "object"),
    (MoneyField, "money"),
    (NumberField, "number"),
    (IsoMsField, "time"),
    (serializers.IntegerField, "integer"),
    (serializers.BooleanField, "boolean"),
    (serializers.DateTimeField, "time"),
    (serializers.DateField, "date"),
)


def _type(field: AnyField) -> str:
    if isinstance(field, serializers.DictField):
        return f"mapping of names to {_type(field.child)}"
    if isinstance(field, serializers.ListField):
        return f"list of {_type(field.child)}"
    return next((name for kind, name in NAMES if isinstance(field, kind)), "text")
