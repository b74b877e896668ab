"""Files by day say what the portal says, and other programs can read them."""

import csv
from datetime import datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg import sql

from analytics.exports.kinds import KINDS
from billing.models import Source
from tests.builders import paid, received, send, settled

pytestmark = pytest.mark.django_db
HUGE = "115792089237316195423570985008687907853269984665640564039457584007913129639935"


def export(kind: str, into: Path, *arguments: str) -> list[str]:
    """The lines the command prints."""
    out = StringIO()
    call_command("export_facts", kind, "--into", str(into), *arguments, stdout=out)
    return out.getvalue().splitlines()


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def parquet(folder: Path, columns: str) -> list[Any]:
    """As DuckDB reads it, which shares no code with what wrote it."""
    return duckdb.read_parquet(f"{folder}/payments/*.parquet").project(columns).fetchall()


@pytest.fixture
def three_days() -> None:
    """Two payments on 1 January, one at the last microsecond of the 2nd, one on the 3rd."""
    for name, at in (
        ("a", "2026-01-01T10:00:00Z"),
        ("b", "2026-01-01T10:00:01Z"),
        ("c", "2026-01-02T23:59:59.999999Z"),
        ("d", "2026-01-03T00:00:00Z"),
    ):
        send(received(name, at), settled(name, at))


@pytest.mark.usefixtures("three_days")
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_each_day_has_a_file_of_its_rows(tmp_path: Path, form: str) -> None:
    days = ("--from", "2026-01-01", "--to", "2026-01-03", "--format", form)
    said = export("payments", tmp_path, *days)
    folder = tmp_path / "payments"
    assert said == [
        f"{folder}/day=2026-01-01.{form} 2",
        f"{folder}/day=2026-01-02.{form} 1",
        f"{folder}/day=2026-01-03.{form} 1",
    ]
    assert sorted(path.name for path in folder.iterdir()) == [
        f"day=2026-01-0{day}.{form}" for day in (1, 2, 3)
    ]


@pytest.mark.usefixtures("three_days")
def test_a_day_without_rows_has_no_file(tmp_path: Path) -> None:
    assert export("payments", tmp_path, "--from", "2026-01-09") == []
    assert list(tmp_path.rglob("*.parquet")) == []


@pytest.mark.usefixtures("three_days")
def test_parquet_adds_up_to_the_figures(tmp_path: Path) -> None:
    export("payments", tmp_path, "--from", "2026-01-01", "--to", "2026-01-03")
    ((fees, first),) = parquet(
        tmp_path, "sum(fee_usd::decimal(38, 18)), min(started_at at time zone 'UTC')"
    )
    assert fees == Decimal("0.04")  # four payments with a fee of one cent
    assert first == datetime(2026, 1, 1, 10)


def test_amounts_keep_all_their_digits(tmp_path: Path) -> None:
    send(paid("x", "2026-01-01T10:00:00Z", amount=HUGE))
    for form in ("csv", "parquet"):
        export("payments", tmp_path, "--from", "2026-01-01", "--format", form)
    (row,) = read_csv(tmp_path / "payments/day=2026-01-01.csv")
    found = parquet(tmp_path, "amount")
    with connection.cursor() as cursor:
        cursor.execute("select amount::text from paygate_views.payments")
        assert [(row["amount"],)] == found == cursor.fetchall()


def test_text_that_a_spreadsheet_would_run_is_defused_in_csv_only(tmp_path: Path) -> None:
    send(received("x", "2026-01-01T10:00:00Z", resource="=cmd|' /C calc'!A0"))
    for form in ("csv", "parquet"):
        export("payments", tmp_path, "--from", "2026-01-01", "--format", form)
    (row,) = read_csv(tmp_path / "payments/day=2026-01-01.csv")
    assert row["resource"] == "'=cmd|' /C calc'!A0"
    assert parquet(tmp_path, "resource") == [("=cmd|' /C calc'!A0",)]


@pytest.mark.usefixtures("three_days")
def test_another_export_replaces_the_file(tmp_path: Path) -> None:
    export("payments", tmp_path, "--from", "2026-01-03", "--format", "csv")
    at = "2026-01-03T08:00:00Z"
    send(received("late", at), settled("late", at))
    export("payments", tmp_path, "--from", "2026-01-03", "--format", "csv")
    rows = read_csv(tmp_path / "payments/day=2026-01-03.csv")
    assert [row["payment_id"] for row in rows] == ["d", "late"]
    assert rows[1]["started_at"] == "2026-01-03T08:00:00.000000Z"
    assert [path.name for path in (tmp_path / "payments").iterdir()] == ["day=2026-01-03.csv"]


@pytest.mark.usefixtures("three_days")
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_the_columns_of_its_view(tmp_path: Path, kind: str) -> None:
    lines = export(kind, tmp_path, "--from", "2026-01-01", "--to", "2030-01-01", "--format", "csv")
    assert (len(lines) == 0) is (kind in ("batches", "calls", "call_hours", "call_days"))
    with connection.cursor() as cursor:
        view = sql.Identifier("paygate_views", kind)
        cursor.execute(sql.SQL("select * from {} limit 0").format(view))
        names = [column.name for column in cursor.description]
    for line in lines:
        with Path(line.rpartition(" ")[0]).open(encoding="utf-8") as file:
            assert next(csv.reader(file)) == names


@pytest.mark.usefixtures("three_days")
def test_nothing_later_than_the_moment_asked_for(tmp_path: Path) -> None:
    days = ("--from", "2026-01-01", "--to", "2026-01-03", "--format", "csv")
    export("payments", tmp_path, *days, "--as-of", "2026-01-01T10:00:00Z")
    (only,) = (tmp_path / "payments").iterdir()
    assert [row["payment_id"] for row in read_csv(only)] == ["a"]


@pytest.mark.usefixtures("three_days")
@pytest.mark.parametrize(
    ("as_of", "hours", "days"),
    [
        ("2026-01-01T10:59:59.999999Z", [], []),
        ("2026-01-01T11:00:00Z", ["2026-01-01 1"], []),
        ("2026-01-01T23:59:59.999999Z", ["2026-01-01 1"], []),
        ("2026-01-02T00:00:00Z", ["2026-01-01 1"], ["2026-01-01 1"]),
        (
            "2026-01-03T00:00:00Z",
            ["2026-01-01 1", "2026-01-02 1"],
            ["2026-01-01 1", "2026-01-02 1"],
        ),
    ],
)
def test_a_statistic_is_there_when_its_time_is_over(
    tmp_path: Path, as_of: str, hours: list[str], days: list[str]
) -> None:
    asked = ("--from", "2026-01-01", "--to", "2026-01-09", "--as-of", as_of)
    for kind, expected in (("payment_hours", hours), ("payment_days", days)):
        said = [line.partition("day=")[2] for line in export(kind, tmp_path, *asked)]
        assert [line.replace(".parquet", "") for line in said] == expected


@pytest.mark.usefixtures("three_days")
def test_one_source_alone(tmp_path: Path) -> None:
    Source.objects.create(slug="other", kind="facilitator")
    at = "2026-01-01T12:00:00Z"
    send(received("mine", at), source="other")
    export("payments", tmp_path, "--from", "2026-01-01", "--source", "other", "--format", "csv")
    rows = read_csv(tmp_path / "payments/day=2026-01-01.csv")
    assert [row["payment_id"] for row in rows] == ["mine"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--from", "2026-01-02", "--to", "2026-01-01"), "--to is before --from"),
        (("--source", "nobody"), "there is no source nobody"),
        (("--from", "yesterday"), "invalid"),
        (("--as-of", "now-ish"), "use ISO 8601 or epoch milliseconds"),
    ],
)
def test_wrong_arguments_are_told(tmp_path: Path, arguments: tuple[str, ...], why: str) -> None:
    with pytest.raises(CommandError, match=why):
        export("payments", tmp_path, *arguments)
