"""The transaction a report runs in, on real connections."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from django.db import InternalError, connection

from analytics.params import ReportParams
from analytics.problems import ReportTimeout
from analytics.query import snapshot
from billing.models import Source
from tests.api.callers import caller
from tests.builders import paid, send


@dataclass(frozen=True)
class Number:
    value: int


@pytest.fixture
def other(committed_db: None) -> Iterator[psycopg.Connection[Any]]:
    """A second connection to the test's database."""
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as second:
        yield second


def test_it_sees_one_state_of_the_database(other: psycopg.Connection[Any]) -> None:
    count = "select count(*) as value from billing_source"
    with snapshot(ReportParams()) as facts:
        before = facts.one(Number, count)
        other.execute(
            "insert into billing_source (slug, name, kind, signing_secret,"
            " previous_signing_secret, base_url, admin_key)"
            " values ('new', '', 'facilitator', '', '', '', '')"
        )
        other.commit()
        assert facts.one(Number, count) == before
    with snapshot(ReportParams()) as facts:
        assert facts.one(Number, count).value == before.value + 1


def test_it_cannot_write(committed_db: None) -> None:
    with pytest.raises(InternalError, match="read-only"), snapshot(ReportParams()):
        Source.objects.create(slug="written")
    assert not Source.objects.filter(slug="written").exists()


@pytest.mark.django_db
def test_inside_a_transaction_it_cannot_write_either_and_leaves_no_trace() -> None:
    with snapshot(ReportParams()) as facts, pytest.raises(InternalError, match="read-only"):
        facts.fetch(Number, "insert into billing_source (slug) values ('x') returning id as value")
    send(paid("a", "2026-03-10T10:00:00Z"))
    with connection.cursor() as cursor:
        cursor.execute("show statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_a_report_that_takes_too_long_is_stopped(committed_db: None, settings: Any) -> None:
    settings.PAYGATE_REPORT_TIMEOUT_MS = 100
    with pytest.raises(ReportTimeout), snapshot(ReportParams()) as facts:
        facts.fetch(Number, "select 1 as value from pg_sleep(5)")


def test_clients_are_told_that_it_took_too_long(
    other: psycopg.Connection[Any], settings: Any
) -> None:
    client = caller("viewer")
    settings.PAYGATE_REPORT_TIMEOUT_MS = 200
    other.execute("lock table billing_payment in access exclusive mode")
    response = client.get("/api/v1/analytics/failures/")
    other.rollback()
    assert (response.status_code, response.json()["code"]) == (503, "report_timeout")


def test_sql_that_has_drifted_from_its_fields_is_refused(db: None) -> None:
    with pytest.raises(TypeError, match="Number has"), snapshot(ReportParams()) as facts:
        facts.fetch(Number, "select 1 as other")
