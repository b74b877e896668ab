"""Every report over HTTP: who may read it, in which forms, described how."""

import csv
import io
import json
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework import serializers

from analytics.api.renderers import cell
from analytics.registry import Family, Report, all_reports, find_report
from analytics.serializers import result_serializer
from billing.api.renderers import exact_json
from tests.api.callers import Caller, caller, source
from tests.builders import paid, send
from tests.contract.traffic import AS_OF, everything, fill

pytestmark = pytest.mark.django_db

ROOT = "/api/v1/analytics/"
REPORTS = pytest.mark.parametrize("report", all_reports(), ids=lambda r: f"{r.family}-{r.slug}")


def url(report: Report) -> str:
    return ROOT + report.path


def exact(response: Any) -> Any:
    return json.loads(response.content, parse_float=Decimal)


@REPORTS
@pytest.mark.parametrize("accept", ["text/csv", "application/json"])
def test_its_options_are_told_as_json(report: Report, accept: str) -> None:
    asked = caller("viewer").send("OPTIONS", url(report), headers={"Accept": accept})
    assert (asked.status_code, asked["Content-Type"]) == (200, "application/json")
    assert "name" in asked.json()


@REPORTS
def test_it_is_read_with_a_viewers_token(report: Report) -> None:
    fill(report)
    response = caller("viewer").get(url(report), as_of=AS_OF)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response["X-As-Of"] == "2026-03-10T12:07:30Z"
    expected = report.answer({"as_of": AS_OF}).data
    assert response.content == exact_json(expected)


@REPORTS
def test_it_is_refused_to_strangers_and_to_producers(report: Report) -> None:
    assert Client().get(url(report)).status_code == 401
    assert Caller("pgt_wrong").get(url(report)).status_code == 401
    producer = caller("", can_ingest=True, source=source())
    assert producer.get(url(report)).status_code == 403


@REPORTS
def test_it_is_only_read(report: Report) -> None:
    response = caller("admin").post(url(report), {})
    assert response.status_code == 405


@REPORTS
def test_a_token_of_a_source_sees_that_source_only(report: Report) -> None:
    fill(report, "mine")
    before = caller("viewer", source=source("mine")).get(url(report), as_of=AS_OF)
    fill(report, "other")
    mine = caller("viewer", source=source("mine"))
    assert mine.get(url(report), as_of=AS_OF).content == before.content
    assert mine.get(url(report), as_of=AS_OF, source="mine").content == before.content
    for foreign in ("other", "nobody"):
        refused = mine.get(url(report), source=foreign)
        assert (refused.status_code, refused.json()["code"]) == (403, "foreign_source")


@REPORTS
def test_bad_values_are_refused_by_name(report: Report) -> None:
    client = caller("viewer")
    for name, value in {"tz": "Mars/Olympus", "as_of": "yesterday-ish", "source": "nobody"}.items():
        response = client.get(url(report), **{name: value})
        assert response.status_code == 400
        assert response["Content-Type"] == "application/problem+json"
        assert list(response.json()["errors"]) == [name]


@REPORTS
def test_csv_says_what_json_says(report: Report) -> None:
    fill(report)
    client = caller("viewer")
    response = client.get(url(report), as_of=AS_OF, window="7d", format="csv")
    assert response["Content-Type"] == "text/csv"
    assert f'filename="{report.slug}.csv"' in response["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(response.content.decode(), newline="")))
    data = exact(client.get(url(report), as_of=AS_OF, window="7d"))
    shape = result_serializer(report.row_type)(many=report.is_list)
    expected = [str(value) for value in leaves(shape, data)]
    header = next(csv.reader(io.StringIO(response.content.decode(), newline="")))
    assert len(set(header)) == len(header)
    assert sorted(value for row in rows for value in row.values() if value) == sorted(
        str(cell(text)) for text in expected if text
    )
    if report.is_list and data:
        assert list(rows[0]) == list(data[0])
        assert len(rows) == len(data)


def leaves(field: Any, data: Any) -> list[Any]:
    """Every value and, of mappings, every name; lists of texts and free objects as JSON."""
    if data is None:
        return []
    if isinstance(field, serializers.ListSerializer):
        return [leaf for item in data for leaf in leaves(field.child, item)]
    if isinstance(field, serializers.Serializer):
        return [leaf for name in data for leaf in leaves(field.fields[name], data[name])]
    if isinstance(field, serializers.DictField):
        return [leaf for name in data for leaf in [name, *leaves(field.child, data[name])]]
    return [exact_json(data).decode() if isinstance(data, list | dict) else data]


@REPORTS
def test_its_etag_changes_with_the_data_only(report: Report) -> None:
    fill(report)
    client = caller("viewer")
    query = f"{url(report)}?as_of=2026-03-10T12:07:30Z"
    first = client.get(query)
    again = client.send("GET", query, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again["X-As-Of"] == first["X-As-Of"]


def test_its_etag_moves_when_a_payment_arrives() -> None:
    client = caller("viewer")
    query = f"{ROOT}payments/?as_of={AS_OF}"
    first = client.get(query)
    send(paid("a", "2026-03-10T12:07:00Z"))
    later = client.send("GET", query, headers={"If-None-Match": first["ETag"]})
    assert later.status_code == 200
    assert later["ETag"] != first["ETag"]


@REPORTS
def test_its_openapi_is_typed(report: Report) -> None:
    document = schema()
    operation = document["paths"][url(report)]["get"]
    assert operation["summary"] == report.title
    names = {p["name"] for p in operation["parameters"] if p["in"] == "query"}
    of_payments = {"network", "include_testnets"}
    assert {"tz", "source", "as_of"} <= names
    assert names & of_payments == (of_payments if report.family is Family.PAYMENTS else set())
    content = operation["responses"]["200"]["content"]["application/json"]["schema"]
    row = content["items"] if report.is_list else content
    component = document["components"]["schemas"][row["$ref"].rpartition("/")[2]]
    fill(report)
    data = report.answer({"as_of": AS_OF, "window": "90d"}).data
    said = list(data[0] if report.is_list else data)
    assert [name for name in component["properties"] if name in said] == said
    assert set(component["required"]) <= set(said)


def test_operations_have_names_of_their_own() -> None:
    operations = [
        operation["operationId"]
        for path in schema()["paths"].values()
        for operation in path.values()
    ]
    assert len(set(operations)) == len(operations)


@cache
def schema() -> dict[str, Any]:
    response = Client().get("/api/schema/?format=json")
    found: dict[str, Any] = json.loads(response.content)
    return found


def test_money_is_text_and_ratios_are_numbers_in_openapi() -> None:
    fields = schema()["components"]["schemas"]["PaymentMetrics"]["properties"]
    assert fields["totalVolume"]["type"] == "string"
    assert fields["averageSettlementTime"]["type"] == "number"
    assert fields["totalPayments"]["type"] == "integer"


def test_the_catalogue_names_every_report_and_where_it_is() -> None:
    client = caller("viewer")
    entries = client.get(ROOT).json()
    assert [entry["slug"] for entry in entries] == [report.slug for report in all_reports()]
    for entry in entries:
        assert client.client.get(entry["url"]).status_code == 401


@pytest.mark.parametrize(
    ("slug", "query"),
    [
        ("payments", {"window": "2w"}),
        ("payments", {"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}),
        ("payments", {"from": "last week"}),
        ("top-payers", {"limit": "0"}),
        ("top-payers", {"limit": "1001"}),
        ("top-payers", {"limit": "ten"}),
        ("revenue-daily", {"days": "0"}),
        ("hourly-stats", {"date": "2026-02-30"}),
        ("hourly-stats", {"date": "0001-01-01", "tz": "Asia/Tokyo"}),
        ("hourly-stats", {"date": "9999-12-31"}),
        ("time-series", {"metric": "happiness"}),
        ("payments", {"include_testnets": "perhaps"}),
    ],
)
def test_a_value_out_of_bounds_is_refused(slug: str, query: dict[str, str]) -> None:
    response = caller("viewer").get(f"{ROOT}{slug}/", **query)
    assert response.status_code == 400
    (name,) = response.json()["errors"]
    assert name in query


def test_parameters_nobody_knows_are_ignored() -> None:
    response = caller("viewer").get(f"{ROOT}payments/", cache_buster="1", page="2", window="")
    assert response.status_code == 200


def test_a_source_is_chosen_by_its_slug() -> None:
    send(paid("a", "2026-03-10T12:00:00Z", "1"), source="one")
    send(paid("b", "2026-03-10T12:00:00Z", "2"), source="two")
    client = caller("viewer")
    volumes = {
        slug: client.get(f"{ROOT}payments/", as_of=AS_OF, source=slug).json()["totalVolume"]
        for slug in ("one", "two")
    }
    assert volumes == {"one": "1.000000", "two": "2.000000"}
    assert client.get(f"{ROOT}payments/", as_of=AS_OF).json()["totalVolume"] == "3.000000"


def test_ratios_are_numbers_with_all_their_digits() -> None:
    send(everything())
    body = caller("viewer").get(f"{ROOT}payments/", as_of=AS_OF, window="90d").content.decode()
    assert '"successRate":93.6170212765957447' in body  # 44 of 47


def test_counts_left_out_are_stated_in_headers() -> None:
    send(everything())
    response = caller("viewer").get(f"{ROOT}top-payers/", as_of=AS_OF)
    assert response["X-Without-Payer"] == "2"


@pytest.mark.parametrize(
    "slug", ["top-payers", "top-payees", "top-routes", "time-series", "dashboard"]
)
def test_payments_without_a_price_are_stated(slug: str) -> None:
    send(everything())
    response = caller("viewer").get(f"{ROOT}{slug}/", as_of=AS_OF, window="7d")
    assert response["X-Unpriced-Payments"] == "2"


def test_text_that_a_spreadsheet_would_run_is_defused() -> None:
    send(paid("a", "2026-03-10T12:00:00Z", payer='=HYPERLINK("http://evil","x")', network="solana"))
    response = caller("viewer").get(f"{ROOT}top-payers/", as_of=AS_OF, format="csv")
    (row,) = csv.DictReader(io.StringIO(response.content.decode()))
    assert row["address"] == '\'=HYPERLINK("http://evil","x")'
    assert cell("-1.500000") == "-1.500000"


@REPORTS
def test_the_command_prints_what_the_api_answers(
    report: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(report)
    options = ["--as-of", AS_OF, "--window", "7d", "--tz", "Asia/Kolkata"]
    expected = report.answer({"as_of": AS_OF, "window": "7d", "tz": "Asia/Kolkata"}).data
    for named in ([report.slug, "--family", report.family], [f"{report.family}/{report.slug}"]):
        call_command("report", *named, *options)
        assert capsys.readouterr().out == exact_json(expected).decode() + "\n"


def test_the_command_prints_csv(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("report", "revenue-daily", "--as-of", AS_OF, "--days", "1", "--format", "csv")
    header, day = capsys.readouterr().out.splitlines()
    assert header.startswith("date,payments,volume,fees,uniquePayers,uniquePayees")
    assert day.startswith("2026-03-10,0,0.000000,0.000000,0,0")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["payments", "--tz", "Mars"], "tz: Use an IANA time zone"),
        (["top-payers", "--limit", "0"], "limit: .* greater than or equal to 1"),
        (["nonsense"], "there is no report nonsense"),
        (["gateway/nonsense"], "there is no report nonsense"),
        (["nonsense/payments"], "there is no family nonsense"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: list[str], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        call_command("report", *arguments)


def test_there_is_no_report_of_another_name() -> None:
    with pytest.raises(LookupError, match="no report nonsense"):
        find_report("nonsense")
