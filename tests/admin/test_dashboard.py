"""The first page: the reports' own figures, dashes for empties, one failure alone."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import DatabaseError
from django.test import Client

from analytics.registry import Report
from tests.builders import ALICE, failed, paid, received, send

HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)


def at(**earlier: float) -> str:
    """A moment within the last day."""
    return (HOUR_AGO - timedelta(**earlier)).isoformat()


def text_of(client: Client, query: str = "") -> str:
    """The page without tags, spaces folded."""
    response = client.get(f"/admin/{query}")
    assert response.status_code == 200
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def charts_of(client: Client, query: str = "") -> dict[str, Any]:
    """The data of each chart by its title."""
    page = client.get(f"/admin/{query}").content.decode()
    blocks = re.findall(r'<script id="chart-\w+" type="application/json">(.*?)</script>', page)
    return {chart["title"]: chart for chart in map(json.loads, blocks)}


def test_an_empty_portal_says_what_to_do_and_shows_dashes(staff: Client) -> None:
    page = text_of(staff)
    assert "curl -X POST http://testserver/api/v1/events/" in page
    assert "Success rate - of payments started" in page
    assert "Revenue - in this period" in page
    assert "No payments to judge by" in page
    assert "100" not in page.split("Success rate")[1][:20]


def test_the_headline_figures_are_the_reports(staff: Client) -> None:
    send(
        paid("p1", at(), "1200", fee="1.25", payer=ALICE),
        paid("p2", at(minutes=1), "34.50", fee="0.005"),
        received("p3", at(minutes=2)),
        received("p4", at(minutes=3)),
        failed("p4", at(minutes=2)),
    )
    page = text_of(staff)
    assert "Revenue 1.26 USD in this period" in page  # 1.255, half up
    assert 'title="1.255 USD"' in staff.get("/admin/").content.decode()
    assert "Payments 4 started in this period" in page
    assert "Success rate 50.00 %" in page
    assert "Open payments 1 not settled" in page
    assert "Critical" in page.split("Health")[1][:20]
    assert "Failed, of payments started 25.00 %" in page
    assert "Base 4 1,234.50 1.255 50.00 %" in page
    assert "curl" not in page


def test_the_charts_draw_the_reports_series(staff: Client) -> None:
    send(paid("p1", at(), "1200", fee="1.25"), paid("p2", at(), "34.5", fee="0.005"))
    drawn = charts_of(staff, "?window=24h")
    revenue = drawn["Revenue"]["series"][0]["values"]
    assert len(revenue) == 25
    assert sorted(map(float, revenue))[-1] == 1.255
    assert sum(map(float, drawn["Payments settled"]["series"][0]["values"])) == 2
    assert drawn["Volume by network"]["labels"] == ["Base"]
    assert [float(v) for v in drawn["Volume by network"]["series"][0]["values"]] == [1234.5]


def test_the_period_is_in_the_address_and_keeps_the_zone(staff: Client) -> None:
    page = staff.get("/admin/?window=7d&tz=Asia/Kolkata").content.decode()
    assert 'href="?window=7d&amp;tz=Asia%2FKolkata" aria-current="true"' in page
    assert 'href="?window=30d&amp;tz=Asia%2FKolkata"' in page
    assert '<option value="Asia/Kolkata" selected>' in page


def test_a_network_narrows_every_figure(staff: Client) -> None:
    send(paid("p1", at(), "10"), paid("p2", at(), "20", network="polygon"))
    page = text_of(staff, "?network=eip155:137")
    assert "Payments 1 started" in page
    assert "Polygon 1 20.00 0.01 100.00 %" in page


@pytest.mark.parametrize("query", ["?tz=Mars/Base", "?window=2y", "?from=yesterday"])
def test_a_bad_parameter_is_named_and_the_page_stands(staff: Client, query: str) -> None:
    name = query[1:].partition("=")[0]
    assert f"{name}:" in text_of(staff, query)


def test_one_failing_report_shows_its_error_alone(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Report.answer

    def failing(report: Report, *args: object) -> object:
        if report.slug == "failures":
            raise DatabaseError("broken")
        return answer(report, *args)  # type: ignore[arg-type]  # passed on as they came

    send(paid("p1", at(), "10"))
    monkeypatch.setattr(Report, "answer", failing)
    page = text_of(staff)
    assert page.count("The database could not answer.") == 1
    assert "Payments 1 started" in page


def test_hostile_names_are_escaped(staff: Client) -> None:
    send(paid("p1", at(), payer="</script><img src=x>", network="solana"))
    assert "<img src=x>" not in staff.get("/admin/").content.decode()


def test_it_runs_no_inline_script(staff: Client) -> None:
    send(paid("p1", at()))
    page = staff.get("/admin/").content.decode()
    inline = [
        attributes
        for attributes in re.findall(r"<script([^>]*)>", page)
        if "src=" not in attributes and "application/json" not in attributes
    ]
    assert inline == []


def test_strangers_are_sent_to_the_login(client: Client, db: None) -> None:
    response = client.get("/admin/")
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/admin/login/")


def test_the_sidebar_shows_only_what_a_user_may_open(staff: Client, viewer: Client) -> None:
    narrow = User.objects.create_user("narrow", "n@example.org", "x", is_staff=True)
    narrow.user_permissions.add(Permission.objects.get(codename="view_payment"))
    viewer.force_login(narrow)
    page = viewer.get("/admin/").content.decode()
    assert "/admin/billing/payment/" in page
    assert "/admin/billing/admintoken/" not in page
