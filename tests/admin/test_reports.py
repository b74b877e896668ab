"""Every report has a page that says what the API says."""

import csv
import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from io import StringIO

import pytest
from django.test import Client

from analytics.admin.charts import charts
from analytics.registry import Report, all_reports, find_report
from tests.builders import ALICE, SHOP, failed, paid, received, send

REPORTS = [pytest.param(report, id=report.slug) for report in all_reports()]


def recently(minutes: int) -> str:
    """So many minutes before an hour ago."""
    return (datetime.now(UTC) - timedelta(minutes=60 + minutes)).isoformat()


def page_of(report: Report) -> str:
    """The report's address."""
    return f"/admin/reports/{report.family}/{report.slug}/"


def text_of(client: Client, url: str, status: int = 200) -> str:
    """The page without tags, spaces folded."""
    response = client.get(url)
    assert response.status_code == status
    return " ".join(re.sub(r"<[^>]*>", " ", unescape(response.content.decode())).split())


def test_the_index_lists_every_report(staff: Client) -> None:
    page = staff.get("/admin/reports/").content.decode()
    for report in all_reports():
        assert page_of(report) in page


@pytest.mark.parametrize("report", REPORTS)
def test_each_page_describes_itself_and_opens_empty_and_full(staff: Client, report: Report) -> None:
    page = text_of(staff, page_of(report))
    assert " ".join(report.description.split("\n\n")[1].split())[:60].replace("`", "") in page
    send(
        paid("p1", recently(0), "10"),
        received("p2", recently(1)),
        failed("p2", recently(0)),
        paid("p3", recently(2), "5", network="polygon", resource="/a"),
    )
    assert "As of" in text_of(staff, page_of(report))


@pytest.mark.parametrize("report", REPORTS)
def test_its_csv_and_api_links_lead_to_the_same_question(staff: Client, report: Report) -> None:
    send(paid("p1", recently(0), "10"))
    page = staff.get(page_of(report) + "?tz=Asia/Kolkata").content.decode()
    links = [link.replace("&amp;", "&") for link in re.findall(r'href="(/api/v1/[^"]+)"', page)]
    assert all("tz=Asia%2FKolkata" in link for link in links)
    as_csv = next(link for link in links if "format=csv" in link)
    as_json = next(link for link in links if "format=csv" not in link)
    assert next(csv.reader(StringIO(staff.get(as_csv).content.decode())))
    assert staff.get(as_json).headers["Content-Type"].startswith("application/json")
    json.loads(staff.get(as_json).content)


def test_a_table_shows_the_reports_figures_with_separators_and_units(staff: Client) -> None:
    send(paid("p1", recently(0), "1234.5", payer=ALICE), paid("p2", recently(1), "0.000001"))
    page = text_of(staff, "/admin/reports/payments/top-routes/?limit=5")
    assert "Volume (USD)" in page
    assert "1,234.500001 2" in page
    assert ALICE[:10] in page
    assert SHOP[:10] in page


def test_a_report_without_payments_shows_dashes_not_perfection(staff: Client) -> None:
    page = text_of(staff, "/admin/reports/payments/payments/")
    assert "Success rate - " in page
    assert "Average settlement time - " in page
    assert "100.00 %" not in page


def test_a_series_is_drawn_at_local_hours(staff: Client) -> None:
    send(paid("p1", "2026-03-10T10:40:00Z", "7"))
    report = find_report("time-series")
    answer = report.answer(
        {"from": "2026-03-10T10:00:00Z", "to": "2026-03-10T12:00:00Z", "tz": "Asia/Kolkata"}
    )
    (chart,) = charts(answer.result, report.row_type, "Asia/Kolkata")
    assert chart.labels == ["10 Mar 15:00", "10 Mar 16:00", "10 Mar 17:00"]
    assert [float(value) for value in chart.series[0].values] == [0, 7, 0]


def test_parameters_are_a_form_filled_from_the_address(staff: Client) -> None:
    page = staff.get("/admin/reports/payments/top-payers/?window=7d&limit=3").content.decode()
    assert '<option value="7d" selected>' in page
    assert re.search(r'<input type="number" name="limit" value="3"[^>]*max="1000"', page)


@pytest.mark.parametrize(
    ("query", "named"), [("limit=0", "limit:"), ("tz=Nowhere", "tz:"), ("source=nope", "source:")]
)
def test_a_bad_parameter_is_named(staff: Client, query: str, named: str) -> None:
    page = text_of(staff, f"/admin/reports/payments/top-payers/?{query}", status=400)
    assert named in page


@pytest.mark.parametrize("path", ["payments/nope", "nope/payments"])
def test_a_report_that_does_not_exist_is_not_found(staff: Client, path: str) -> None:
    assert staff.get(f"/admin/reports/{path}/").status_code == 404


def test_strangers_are_sent_to_the_login(client: Client, db: None) -> None:
    for url in ("/admin/reports/", "/admin/reports/payments/payments/"):
        assert client.get(url).status_code == 302
