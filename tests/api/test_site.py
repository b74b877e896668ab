"""The front door, liveness, readiness and the API's own documentation."""

from datetime import timedelta
from typing import Any

import pytest
import yaml
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection
from django.test import Client

from tests.api.callers import Caller, caller


def test_the_front_sends_browsers_to_the_dashboard() -> None:
    answer = Client().get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_the_front_lists_endpoints_for_programs() -> None:
    listed = Client().get("/", headers={"Accept": "*/*"}).json()
    assert listed["events"] == "http://testserver/api/v1/events/"
    admin = caller("admin")
    for name in set(listed) - {"admin"}:
        assert admin.get(listed[name]).status_code == 200, name


def test_every_record_has_options(viewer: Caller) -> None:
    records = caller("admin").get("/api/v1/").json()
    assert {"payments", "events", "sources", "tokens", "rejected-events"} <= set(records)
    for url in records.values():
        assert caller("admin").send("OPTIONS", url).status_code == 200, url


def test_livez_touches_no_database(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert Client().get("/livez").content == b"ok\n"


def ready() -> tuple[int, dict[str, Any]]:
    """Status and checks of /readyz."""
    answer = Client().get("/readyz")
    assert answer.json()["ready"] == (answer.status_code == 200)
    return answer.status_code, answer.json()["checks"]


def test_it_is_ready_when_everything_answers() -> None:
    status, checks = ready()
    assert status == 200, checks
    assert {name for name, check in checks.items() if check["ok"]} == {
        "database",
        "migrations",
        "broker",
        "stale_marks",
    }


def test_it_is_not_ready_without_the_broker(settings: LazySettings) -> None:
    settings.BROKER_URL = "redis://127.0.0.1:1/0"
    status, checks = ready()
    assert status == 503
    assert checks["broker"] == {"ok": False, "detail": "The broker does not answer."}
    assert checks["database"]["ok"]


def test_it_is_not_ready_with_a_migration_missing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("delete from django_migrations where app = 'sessions'")
    status, checks = ready()
    assert (status, checks["migrations"]["ok"]) == (503, False)
    assert "sessions.0001_initial" in checks["migrations"]["detail"]


@pytest.mark.parametrize(("age", "status"), [(590, 200), (610, 503)])
def test_it_is_not_ready_when_rollups_are_behind(age: int, status: int) -> None:
    from analytics.models import StaleMark

    with connection.cursor() as cursor:
        cursor.execute("select now()")
        created = cursor.fetchone()[0] - timedelta(seconds=age)
    StaleMark.objects.create(grain=0, bucket="2026-01-01T00:00:00Z", created_at=created)
    answered, checks = ready()
    assert (answered, checks["stale_marks"]["ok"]) == (status, status == 200)


def test_the_schema_is_public_and_describes_the_api() -> None:
    schema = yaml.safe_load(Client().get("/api/schema/").content)
    assert schema["openapi"].startswith("3.")
    payments = schema["paths"]["/api/v1/payments/"]["get"]
    names = {parameter["name"] for parameter in payments["parameters"]}
    assert {"cursor", "page_size", "ordering", "payment_id", "payer", "status"} <= names
    assert schema["components"]["schemas"]["Payment"]["properties"]["amount"]["type"] == "string"
    post = schema["paths"]["/api/v1/events/"]["post"]
    assert set(post["requestBody"]["content"]) == {"application/json", "application/x-ndjson"}
    assert {name for way in post["security"] for name in way} >= {"bearerToken", "signature"}


def test_the_documentation_asks_no_other_host() -> None:
    page = Client().get("/api/docs/").content.decode()
    assert "swagger-ui" in page
    assert "http://" not in page.replace("http://testserver", "")
    assert "https://" not in page


def test_the_written_openapi_document_is_current() -> None:
    call_command("openapi", "--check")


def test_secrets_are_write_only_in_the_schema() -> None:
    schema = yaml.safe_load(Client().get("/api/schema/").content)
    assert "signing_secret" not in schema["components"]["schemas"]["Source"]["properties"]
    assert "signing_secret" in schema["components"]["schemas"]["SourceRequest"]["properties"]


def test_a_list_of_nothing_is_a_page(viewer: Caller) -> None:
    page = viewer.get("/api/v1/payments/").json()
    assert page == {"next": None, "previous": None, "results": []}
