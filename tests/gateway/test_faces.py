"""What is particular to the faces of the gateway's analyses: nested lists, mappings, free JSON."""

import csv
import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from typing import Annotated, Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from analytics.admin.charts import charts
from analytics.admin.tables import MOST_ROWS, Table, tables
from analytics.api.renderers import columns, rows
from analytics.management.commands.write_report_docs import _fields
from analytics.serializers import JsonObject, result_serializer
from analytics.units import OMITTED, Count, Credits, IsoMs, Ratio
from analytics.writing import to_data
from tests.api.callers import caller
from tests.gateway.small import call, denied, key, small_gateway

NOON = datetime(2026, 2, 16, 12, tzinfo=UTC)


@dataclass(frozen=True)
class FacePeak:
    """The busiest hour."""

    hour: str
    total: Count


@dataclass(frozen=True)
class FaceEvent:
    """An event of a section."""

    at: IsoMs
    details: Annotated[JsonObject | None, OMITTED] = None


@dataclass(frozen=True)
class FaceSection:
    """Events under a title."""

    title: str
    names: list[str]
    events: list[FaceEvent]
    tools: dict[str, Count]


@dataclass(frozen=True)
class FaceSpace:
    """A namespace."""

    credits: Credits
    share: Ratio | None


@dataclass(frozen=True)
class FaceHour:
    """An hour."""

    hour: str
    calls: Count
    credits: Credits


@dataclass(frozen=True)
class Face:
    """Every shape that an analysis has."""

    total: Count
    peak: FacePeak | None
    sections: list[FaceSection]
    spaces: dict[str, FaceSpace]
    advice: list[str]
    hours: list[FaceHour]
    is_paused: bool


FACE = Face(
    total=1234,
    peak=FacePeak("2026-02-16T11", 7),
    sections=[
        FaceSection(
            "Access",
            ["ann", "bob"],
            [FaceEvent(NOON, JsonObject({"by": "ann", "n": Decimal("1.5")})), FaceEvent(NOON)],
            {"7": 2, "search": 1500},
        ),
        FaceSection("Changes", [], [], {}),
    ],
    spaces={"acme": FaceSpace(Decimal("12.5"), Decimal("0.25")), "": FaceSpace(Decimal(0), None)},
    advice=["Top up."],
    hours=[FaceHour("2026-02-16T11", 7, Decimal(9)), FaceHour("2026-02-16T10", 3, Decimal(4))],
    is_paused=True,
)


def face_csv() -> list[dict[str, Any]]:
    serializer = result_serializer(Face)()
    assert len(set(columns(serializer))) == len(columns(serializer))
    found = list(rows(serializer, to_data(FACE)))
    assert {name for row in found for name in row} <= set(columns(serializer))
    return found


def test_csv_has_a_row_for_everything_inside_and_nothing_twice() -> None:
    at = "2026-02-16T12:00:00.000Z"
    assert face_csv() == [
        {
            "total": 1234,
            "peak.hour": "2026-02-16T11",
            "peak.total": 7,
            "advice": ["Top up."],
            "isPaused": True,
        },
        {"sections.title": "Access", "sections.names": ["ann", "bob"]},
        {
            "sections.events.at": at,
            "sections.events.details": {"by": "ann", "n": Decimal("1.5")},
        },
        {"sections.events.at": at, "sections.events.details": None},
        {"sections.tools.key": "7", "sections.tools.value": 2},
        {"sections.tools.key": "search", "sections.tools.value": 1500},
        {"sections.title": "Changes", "sections.names": []},
        {"spaces.key": "acme", "spaces.credits": Decimal("12.5"), "spaces.share": Decimal("0.25")},
        {"spaces.key": "", "spaces.credits": 0, "spaces.share": None},
        {"hours.hour": "2026-02-16T11", "hours.calls": 7, "hours.credits": 9},
        {"hours.hour": "2026-02-16T10", "hours.calls": 3, "hours.credits": 4},
    ]


def by_title() -> dict[str, Table]:
    return {table.title: table for table in tables(FACE, Face, "Asia/Kolkata")}


def test_a_page_shows_everything_inside() -> None:
    found = {title: [list(row) for row in table.rows] for title, table in by_title().items()}
    at = "2026-02-16 17:30:00 IST"
    assert list(found)[:3] == ["", "Peak", "Sections"]
    assert found == {
        "": [["Total", "1,234"], ["Is paused", "yes"]],
        "Peak": [["Hour", "2026-02-16T11"], ["Total", "7"]],
        "Sections": [["Access", "ann, bob", "7: 2, search: 1,500"], ["Changes", "-", "-"]],
        "Events: Access": [[at, "by: ann, n: 1.5"], [at, "-"]],
        "Events: Changes": [],
        "Spaces": [["acme", "12.5", "25.00 %"], ["-", "0", "-"]],
        "Advice": [["Top up."]],
        "Hours": [["2026-02-16T11", "7", "9"], ["2026-02-16T10", "3", "4"]],
    }


def test_a_page_ends_somewhere_and_says_so() -> None:
    many = [FaceHour(str(n), n, Decimal(n)) for n in range(MOST_ROWS + 3)]
    (table,) = tables(many, FaceHour, "UTC")
    assert (len(table.rows), table.hidden) == (MOST_ROWS, 3)


def test_hours_are_drawn_as_time_goes() -> None:
    first, second = charts(FACE, Face, "UTC")
    assert [list(chart.labels) for chart in (first, second)] == [
        ["2026-02-16 10:00", "2026-02-16 11:00"],
        ["2026-02-16 10:00", "2026-02-16 11:00"],
    ]
    assert [list(chart.series[0].values) for chart in (first, second)] == [[4, 9], [3, 7]]


def test_the_published_page_names_every_field_inside() -> None:
    lines = [line.split(" | ")[:2] for line in _fields(result_serializer(Face)())]
    assert [(name.removeprefix("| "), kind) for name, kind in lines] == [
        ("total", "integer"),
        ("peak", "object or null"),
        ("peak.hour", "text"),
        ("peak.total", "integer"),
        ("sections", "list"),
        ("sections[].title", "text"),
        ("sections[].names", "list of text"),
        ("sections[].events", "list"),
        ("sections[].events[].at", "time"),
        ("sections[].events[].details", "object"),
        ("sections[].tools", "mapping of names to integer"),
        ("spaces", "mapping of names to object"),
        ("spaces.*.credits", "number"),
        ("spaces.*.share", "number or null"),
        ("advice", "list of text"),
        ("hours", "list"),
        ("hours[].hour", "text"),
        ("hours[].calls", "integer"),
        ("hours[].credits", "number"),
        ("isPaused", "boolean"),
    ]


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    """A superuser's browser, and a gateway with hostile names."""
    small_gateway(
        keys=[key(1, "<img src=x>"), key(2, "=cmd()")],
        calls=[call(1, keyName="<img src=x>", tool="<b>"), denied(2, keyName="=cmd()")],
    )
    client.force_login(User.objects.create_superuser("root", "root@example.org", "secret"))
    return client


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", unescape(page)).split())


def test_names_are_shown_and_never_run(staff: Client) -> None:
    page = staff.get("/admin/reports/gateway/denials/?source=small").content.decode()
    assert "<img src=x>" not in page
    assert "&lt;img src=x&gt;" in page
    answer = caller("viewer").get("/api/v1/analytics/gateway/denials/", format="csv")
    names = [row["perKey.name"] for row in csv.DictReader(io.StringIO(answer.content.decode()))]
    assert "'=cmd()" in names
    assert "=cmd()" not in names


def test_a_page_asks_for_the_gateways_own_parameters(staff: Client) -> None:
    page = staff.get("/admin/reports/gateway/costs/?namespace=acme").content.decode()
    assert re.search(r'<input type="text" name="namespace" value="acme"', page)
    ranking = text_of(staff.get("/admin/reports/gateway/key-ranking/").content.decode())
    assert "Sort by" in ranking
    assert "Network" not in ranking.partition("Show")[0].partition("Time zone")[2]
