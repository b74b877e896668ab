"""Exports over HTTP: the same rows as the command writes, begun at once, for finance."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import connection
from django.test import Client

from analytics.exports import streaming
from analytics.exports.kinds import KINDS
from tests.api.callers import Caller, caller, problem_of, source
from tests.builders import paid, received, send
from tests.warehouse.calls import calls

URL = "/api/v1/exports/"
DAYS = {"from": "2026-01-01", "to": "2026-01-02"}


@pytest.fixture
def finance() -> Caller:
    return caller("finance")


def body(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def rows(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body(answer).decode(), newline="")))


# --- what is in it ----------------------------------------------------------------------------


def test_a_file_of_some_days_in_the_order_of_time(finance: Caller) -> None:
    send(paid("second", "2026-01-02T23:59:59.999999Z", amount="0.10"))
    send(paid("first", "2026-01-01T00:00:00Z", amount="1.000000000000000001"))
    send(paid("before", "2025-12-31T23:59:59.999999Z"), paid("after", "2026-01-03T00:00:00Z"))
    answer = finance.get(f"{URL}payments/", **DAYS)
    assert answer["Content-Type"] == "text/csv"
    name = "payments-2026-01-01-2026-01-02.csv"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    found = rows(answer)
    assert [(row["payment_id"], row["amount"], row["started_at"]) for row in found] == [
        ("first", "1.000000000000000001", "2026-01-01T00:00:00.000000Z"),
        ("second", "0.1", "2026-01-02T23:59:59.999999Z"),
    ]


def test_parquet_has_the_same_rows_with_types(finance: Caller) -> None:
    send(paid("a", "2026-01-01T10:00:00Z", amount="0.10", resource="=1+1"))
    plain = finance.get(f"{URL}payments/", **DAYS)
    answer = finance.get(f"{URL}payments/", format="parquet", **DAYS)
    assert answer["Content-Type"] == "application/vnd.apache.parquet"
    table = pq.read_table(pa.BufferReader(body(answer)))
    (row,), (text,) = table.to_pylist(), rows(plain)
    assert list(row) == list(text)
    assert (row["amount"], row["resource"], text["resource"]) == ("0.1", "=1+1", "'=1+1")
    assert row["started_at"] == datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert row["is_volume"] is True


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_day_without_rows_is_a_file_with_columns(finance: Caller, kind: str, form: str) -> None:
    file = body(finance.get(f"{URL}{kind}/", format=form, **DAYS))
    if form == "csv":
        (header,) = csv.reader(io.StringIO(file.decode(), newline=""))
    else:
        table = pq.read_table(pa.BufferReader(file))
        assert table.num_rows == 0
        header = table.column_names
    assert KINDS[kind].time in header


def test_calls_by_hour_and_day_whether_folded_or_not(finance: Caller) -> None:
    calls("2026-01-01T10:00:00Z", 3)
    with connection.cursor() as cursor:
        cursor.execute("select analytics_fold_usage(1000)")
    calls("2026-01-01T10:59:59.999Z", 2, allowed=False, deny_reason="rate_limited")
    calls("2026-01-01T11:00:00Z", 1, namespace="team")
    measures = ("namespace", "calls", "allowed", "refused", "rate_limited", "credits")
    found = [
        [(row[step], *(row[name] for name in measures)) for row in rows(answer)]
        for step in ("hour", "day")
        for answer in [finance.get(f"{URL}call_{step}s/", **DAYS)]
    ]
    ten, eleven, day = (f"2026-01-01T{hour}:00:00.000000Z" for hour in ("10", "11", "00"))
    assert found == [
        [(ten, "", "5", "3", "2", "2", "6"), (eleven, "team", "1", "1", "0", "0", "2")],
        [(day, "team", "1", "1", "0", "0", "2"), (day, "", "5", "3", "2", "2", "6")],
    ]
    assert len(rows(finance.get(f"{URL}calls/", **DAYS))) == 6


def test_as_of_is_said_and_hides_what_is_later(finance: Caller) -> None:
    send(paid("a", "2026-01-01T10:00:00Z"), paid("b", "2026-01-01T10:00:00.000001Z"))
    answer = finance.get(f"{URL}payments/", as_of="2026-01-01T10:00:00Z", **DAYS)
    assert answer["X-As-Of"] == "2026-01-01T10:00:00Z"
    assert [row["payment_id"] for row in rows(answer)] == ["a"]
    assert "X-As-Of" in finance.get(f"{URL}payments/")


# --- who and what is refused ------------------------------------------------------------------


def test_it_is_for_finance_and_those_above() -> None:
    assert problem_of(Client().get(f"{URL}payments/"), 401)
    assert problem_of(caller("viewer").get(f"{URL}payments/"), 403) == "permission_denied"
    for role in ("finance", "support", "operator", "admin"):
        assert caller(role).get(f"{URL}payments/").status_code == 200


def test_a_token_of_a_source_gets_that_source_only() -> None:
    at = "2026-01-01T10:00:00Z"
    send(received("mine", at), source="mine")
    send(received("other", at), source="other")
    mine = caller("finance", source=source("mine"))
    for query in ({}, {"source": "mine"}):
        found = rows(mine.get(f"{URL}payments/", **DAYS, **query))
        assert [row["payment_id"] for row in found] == ["mine"]
    for foreign in ("other", "nobody"):
        assert problem_of(mine.get(f"{URL}payments/", source=foreign), 403) == "foreign_source"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-01-02", "to": "2026-01-01"}, "to"),
        ({"to": "9999-12-31"}, "to"),
        ({"source": "nobody"}, "source"),
        ({"as_of": "now-ish"}, "as_of"),
    ],
)
def test_bad_values_are_refused_by_name(finance: Caller, query: dict[str, str], field: str) -> None:
    answer = finance.get(f"{URL}payments/", **query)
    assert problem_of(answer, 400) == "invalid"
    assert list(answer.json()["errors"]) == [field]


def test_what_there_is_not(finance: Caller) -> None:
    assert problem_of(finance.get(f"{URL}secrets/"), 404) == "not_found"
    assert problem_of(finance.get(f"{URL}payments/", format="xlsx"), 404) == "not_found"
    assert problem_of(caller("admin").post(f"{URL}payments/"), 405) == "method_not_allowed"
    assert finance.send("OPTIONS", f"{URL}payments/")["Content-Type"] == "application/json"


def test_too_many_at_once_are_asked_to_wait(
    finance: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "_running", streaming.MOST)
    answer = finance.get(f"{URL}payments/")
    assert problem_of(answer, 503) == "exports_busy"
    assert answer["Retry-After"] == "15"
    monkeypatch.setattr(streaming, "_running", streaming.MOST - 1)
    assert finance.get(f"{URL}payments/").status_code == 200
