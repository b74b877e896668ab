"""The schema `paygate_views`: what a role that may only read it sees."""

import os
import re
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from billing.models import Source
from tests.builders import ask, received, send, settled
from tests.docs.documents import blocks, read

READER = f"paygate_reader_{os.getpid()}"  # roles are the whole cluster's
TABLES = ("billing_payment", "billing_event", "billing_source", "analytics_dailystat")


@pytest.fixture
def reader(db: None) -> str:
    """A role without rights, in this transaction only."""
    with connection.cursor() as cursor:
        cursor.execute(f"create role {READER}")
    return READER


@pytest.fixture
def granted(reader: str) -> str:
    """The same after the command."""
    call_command("grant_sql_reader", reader, stdout=StringIO())
    return reader


def as_role(role: str, statement: str) -> list[tuple[object, ...]]:
    """What a statement gives to a role."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"set local role {role}")
        cursor.execute(statement)
        rows: list[tuple[object, ...]] = cursor.fetchall()
        cursor.execute("reset role")
    return rows


def documented() -> dict[str, list[str]]:
    """The columns of every view, as docs/warehouse.md lists them."""
    text = read("docs/warehouse.md")
    measures = re.search(r"defines the measures:\n(.*?)\.\n", text, re.DOTALL)
    assert measures is not None
    shared = re.split(r",\s+", measures[1].replace("\n", " ").strip())
    return {
        view: [
            *re.sub(r", and the measures below| \(UTC\)", "", cell).split(", "),
            *(shared if "measures below" in cell else []),
        ]
        for view, cell in re.findall(r"^\| `paygate_views\.(\w+)` \| (.+) \|$", text, re.M)
    }


def test_views_and_columns_are_those_of_the_page(granted: str) -> None:
    rows = as_role(
        granted,
        "select table_name::text, column_name::text from information_schema.columns"
        " where table_schema = 'paygate_views' order by table_name, ordinal_position",
    )
    found: dict[str, list[str]] = {}
    for view, column in rows:
        found.setdefault(f"{view}", []).append(f"{column}")
    assert found == documented()
    assert len(found) == 14


def test_a_reader_reads_every_view_and_no_table(granted: str) -> None:
    send(received("p1", "2026-03-10T12:00:00Z"), settled("p1", "2026-03-10T12:00:02Z"))
    for view in documented():
        as_role(granted, f"table paygate_views.{view}")
    for table in TABLES:
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            as_role(granted, f"table {table}")


def test_nobody_reads_before_it_is_granted_nor_after(reader: str) -> None:
    def refused() -> bool:
        try:
            as_role(reader, "select * from paygate_views.payments")
        except ProgrammingError:
            return True
        return False

    assert refused()
    call_command("grant_sql_reader", reader, stdout=StringIO())
    assert not refused()
    call_command("grant_sql_reader", reader, "--revoke", stdout=StringIO())
    assert refused()


def test_an_unknown_role_is_named(db: None) -> None:
    with pytest.raises(CommandError, match="there is no role nobody_here"):
        call_command("grant_sql_reader", "nobody_here")


def test_the_revenue_of_the_page_is_that_of_the_report(granted: str) -> None:
    """Two days of fees on a mainnet, and one on a testnet that counts in neither."""
    send(
        received("p1", "2026-03-09T12:00:00Z"),
        settled("p1", "2026-03-09T12:00:02Z", fee="0.25"),
        received("p2", "2026-03-10T10:00:00Z"),
        settled("p2", "2026-03-10T10:00:02Z", fee="0.5"),
        received("p3", "2026-03-10T11:00:00Z", network="base-sepolia"),
        settled("p3", "2026-03-10T11:00:02Z", fee="9"),
    )
    (query,) = [text for kind, text in blocks("docs/warehouse.md") if kind == "sql"]
    rows = as_role(granted, query)
    assert [(f"{day}", revenue) for day, revenue in rows] == [
        ("2026-03-09", Decimal("0.25")),
        ("2026-03-10", Decimal("0.5")),
    ]
    assert Decimal(ask("revenue", window="7d")["totalRevenue"]) == Decimal("0.75")


def test_no_view_shows_a_body_or_a_secret(granted: str) -> None:
    Source.objects.create(slug="sealed", signing_secret="not-to-be-seen-anywhere")
    send(received("p1", "2026-03-10T12:00:00Z", memo="in-the-body-only"))
    for view in documented():
        shown = repr(as_role(granted, f"select to_json(v)::text from paygate_views.{view} v"))  # noqa: S608 - names of the page
        assert "in-the-body-only" not in shown
        assert "not-to-be-seen" not in shown
