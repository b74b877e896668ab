"""What holds for every report, whatever it says."""

import inspect
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.registry import Family, Report, all_reports
from analytics.rollups import fold_totals, mark_range, roll_stale, status
from analytics.serializers import JsonObject, bare_type
from analytics.uniques import roll_unique_days
from tests.contract.traffic import AS_OF, fill
from tests.gateway.conftest import GOLDEN

pytestmark = pytest.mark.django_db

REPORTS = pytest.mark.parametrize("report", all_reports(), ids=lambda r: f"{r.family}-{r.slug}")
ASKED: list[dict[str, str]] = [
    {},
    {"window": "1h", "tz": "Asia/Kathmandu"},
    {"window": "7d", "tz": "America/St_Johns", "network": "base"},
    {"window": "90d", "include_testnets": "true"},
    {"window": "all", "source": "default", "days": "45"},
    {"from": "2026-01-15T10:07:00Z", "to": "2026-03-10T11:11:11.111Z", "tz": "Asia/Kolkata"},
]


def answers(report: Report) -> list[Any]:
    return [report.answer({"as_of": AS_OF, **query}).data for query in ASKED]


@REPORTS
def test_it_answers_an_empty_portal(report: Report) -> None:
    for answer in answers(report):
        assert isinstance(answer, list) is report.is_list


@REPORTS
def test_it_says_the_same_when_asked_again(report: Report) -> None:
    fill(report)
    assert answers(report) == answers(report)


@REPORTS
def test_rollups_change_what_it_costs_and_never_what_it_says(report: Report) -> None:
    fill(report)
    with_nothing_rolled = answers(report)
    roll_stale()
    fold_totals()
    while roll_unique_days():
        pass
    assert status()["quarters"] == 0
    assert answers(report) == with_nothing_rolled
    day = datetime(2026, 1, 2, tzinfo=UTC)
    for n in range(0, 68, 2):
        mark_range(day + timedelta(days=n), day + timedelta(days=n, hours=9))
    assert status()["quarters"]
    assert answers(report) == with_nothing_rolled


@REPORTS
def test_it_needs_the_same_number_of_statements_whatever_the_amount_of_data(
    report: Report,
) -> None:
    with CaptureQueriesContext(connection) as empty:
        answers(report)
    fill(report)
    with CaptureQueriesContext(connection) as full:
        answers(report)
    assert len(full) == len(empty)
    assert len(full) / len(ASKED) <= 25


@REPORTS
def test_its_values_are_of_the_types_it_declares(report: Report) -> None:
    fill(report)
    result = report.answer({"as_of": AS_OF, "window": "90d"}).result
    rows = result if isinstance(result, list) else [result]
    assert rows
    for row in rows:
        check_types(row)


def check_types(row: Any) -> None:
    """Every field holds what its annotation says: SQL is not checked by mypy."""
    hints = get_type_hints(type(row), include_extras=True)
    for field in fields(row):
        check_value(hints[field.name], getattr(row, field.name), f"{type(row)}.{field.name}")


def is_nullable(annotation: Any) -> bool:
    parts = get_args(annotation)
    is_annotated = get_origin(annotation) is Annotated
    return is_nullable(parts[0]) if is_annotated else type(None) in parts


def check_value(annotation: Any, value: Any, where: str) -> None:
    bare = bare_type(annotation)
    if value is None:
        assert is_nullable(annotation), where
    elif get_origin(bare) in (list, dict):
        assert type(value) is get_origin(bare), where
        for item in value.values() if isinstance(value, dict) else value:
            check_value(get_args(bare)[-1], item, where)
    elif get_origin(bare) is Literal:
        assert value in get_args(bare), where
    elif bare is JsonObject:
        assert isinstance(value, dict), where
    elif isinstance(bare, type) and is_dataclass(bare):
        assert isinstance(value, bare), where
        check_types(value)
    else:
        assert type(value) is bare, where


@REPORTS
def test_its_file_its_function_and_its_slug_have_one_name(report: Report) -> None:
    path = Path(inspect.getsourcefile(report.function) or "")
    assert path.stem == report.slug.replace("-", "_") == report.function.__name__
    assert path.parent.name == report.family


@REPORTS
def test_it_has_a_test_of_its_own(report: Report) -> None:
    tests = Path(__file__).parent.parent
    own = f"test_{report.slug.replace('-', '_')}.py"
    if report.family is Family.GATEWAY:  # recorded answers are compared by tests/gateway
        is_recorded = (GOLDEN / "reports" / f"{report.slug}.json").exists()
        assert is_recorded or (tests / "gateway" / own).exists()
    else:
        assert (tests / "reports" / report.family / own).exists()


@REPORTS
def test_it_is_described_in_full(report: Report) -> None:
    title, _, rest = report.description.partition("\n\n")
    assert title.endswith(".")
    assert len(title) <= 60
    assert len(rest) > 100


def shapes(annotation: Any) -> Iterator[type]:
    """The dataclasses in an annotation, those inside them too."""
    for part in get_args(annotation):
        yield from shapes(part)
    if isinstance(annotation, type) and is_dataclass(annotation):
        yield annotation
        for hint in get_type_hints(annotation, include_extras=True).values():
            yield from shapes(hint)


def test_components_of_different_reports_have_different_names() -> None:
    by_name: dict[str, type] = {}
    for report in all_reports():
        for shape in shapes(report.row_type):
            assert by_name.setdefault(shape.__name__, shape) is shape


def test_the_published_page_is_current() -> None:
    call_command("write_report_docs", "--check")
