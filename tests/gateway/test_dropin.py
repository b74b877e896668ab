"""GET /admin/<analysis>: what a script written for the gateway gets after changing the host."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.test import Client
from django.urls import URLResolver
from django.urls.resolvers import RoutePattern

from analytics.api.compliance import csv_lines
from analytics.api.dropin import ANALYSES, address_of
from analytics.api.sliding import counted
from analytics.registry import Family, all_reports
from billing.api.renderers import exact_json
from billing.models import AdminToken, Source
from billing.sources import adopt_admin_key
from billing.tokens import issue, revoke
from tests.gateway.conftest import NOW, gateway, recorded, said

pytestmark = pytest.mark.django_db

ERRORS = json.loads(recorded("errors.json"))
KEY = ERRORS["admin_key_used"]
VIEWER, REVOKED, SUPER = (
    *("ak_9bb322eb37bdff10170cbffb9c472781", "ak_38c711a5460425a02b05a606ca07eb80"),
    "ak_58e2539e268704ed9b7719a890b20667",
)
# What the gateway's connection and its own version say is not the portal's to repeat.
NOT_KEPT = {"Date", "Connection", "Keep-Alive", "Transfer-Encoding", "X-PayGate-Version"}
PRESENT = [r.slug for r in all_reports() if r.family is Family.GATEWAY and r.slug in ANALYSES]
SLUG = "credit-distribution"
HERE = f"/{address_of(SLUG)}"
# Not among the analyses; and what was asked when the recorded gateway was not empty any more.
OUTSIDE = ("/admin/backup", "/admin/keys", "/admin/compliance/export?format")
NOT_EMPTY = {"super_admin: report"}
CASES = [
    case
    for case in ERRORS["cases"]
    if case["request"]["path"].lower().startswith("/admin")
    and not case["request"]["path"].startswith(OUTSIDE)
    and "rate limit" not in case["case"]
    and case["case"] not in NOT_EMPTY
]


@pytest.fixture(autouse=True)
def _counters(db: None) -> None:
    cache.clear()


@pytest.fixture
def site(db: None) -> Source:
    """The recorded gateway, and its admin keys as tokens."""
    source = gateway("site")
    source.admin_key = KEY
    source.save()
    adopt_admin_key(source)
    for key in (VIEWER, SUPER):
        issue(AdminToken(name="recorded", role="viewer", source=source), key)
    revoked = AdminToken(name="recorded", role="admin", source=source)
    issue(revoked, REVOKED)
    revoke(revoked)
    return source


def ask(where: str, key: str | None = KEY, method: str = "GET", **headers: str) -> Any:
    """A request of a script."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    keyed = {} if key is None else {"X-Admin-Key": key}
    return Client().generic(method, where, headers={**keyed, **named})


def refused(error: str, request_id: str = "r") -> bytes:
    """The body of a refusal."""
    return exact_json({"error": error, "requestId": request_id})


def is_recorded(said_now: Any, case: dict[str, Any]) -> bool:
    """Whether the body is the recorded one, but for an id of the request made here."""
    body = said_now.content.decode()
    if "X-Request-Id" in case["request"]["headers"] or not case["body"].startswith('{"error"'):
        return bool(body == case["body"])
    made = said_now["X-Request-Id"]
    was = json.loads(case["body"])["requestId"]
    return bool(re.fullmatch(r"req_[0-9a-f]{16}", made)) and body == case["body"].replace(was, made)


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_every_recorded_request_is_answered_as_recorded(case: dict[str, Any], site: Source) -> None:
    if case["case"] == "admin: report":  # recorded before that key was revoked
        AdminToken.objects.update(revoked_at=None)
    asked = case["request"]
    as_of = ("&" if "?" in asked["path"] else "?") + "as_of=2026-02-16T12:00:30Z"
    response = Client().generic(
        asked["method"], asked["path"] + as_of, asked.get("body", ""), headers=asked["headers"]
    )
    assert response.status_code == case["status"]
    assert is_recorded(response, case), response.content
    for name in case["headers"].keys() - NOT_KEPT - {"X-Request-Id"}:
        assert response[name] == case["headers"][name], name
    given = asked["headers"].get("X-Request-Id")
    assert given is None or response["X-Request-Id"] == given
    assert not response.has_header("WWW-Authenticate")
    assert not response.has_header("Allow")


def test_the_analyses_are_those_of_the_gateway() -> None:
    assert [f"/{address_of(slug)}" for slug in ANALYSES] == list(ERRORS["status_matrix"])
    assert len(set(PRESENT)) == 65


@pytest.mark.parametrize("slug", PRESENT)
def test_every_analysis_treats_methods_and_keys_alike(slug: str, site: Source) -> None:
    where = f"/{address_of(slug)}"
    matrix = ERRORS["status_matrix"][where]
    assert ask(where).status_code == matrix["get_ok"]
    assert ask(where, VIEWER).status_code == matrix["get_viewer"]
    for name, key, method in (
        *(("get_no_key", None, "GET"), ("get_wrong_key", "wrong", "GET")),
        *(("post_ok_key", KEY, "POST"), ("post_no_key", None, "POST")),
        *(("put", KEY, "PUT"), ("delete", KEY, "DELETE"), ("patch", KEY, "PATCH")),
        ("head", KEY, "HEAD"),
    ):
        response = ask(where, key, method, X_Request_Id="r")
        assert [response.status_code, response.content.decode()] == matrix[name], name
    assert ask(where, None, "OPTIONS").status_code == matrix["options"]
    late = ask(f"{where}/", X_Request_Id="r")
    assert [late.status_code, late.content.decode()] == matrix["trailing_slash"]


@pytest.mark.parametrize("slug", ANALYSES)
def test_no_analysis_stands_before_a_page_of_the_admin(slug: str) -> None:
    pages = URLResolver(RoutePattern("admin/"), admin.site.urls[0])
    assert pages.resolve(address_of(slug)).url_name is None  # the admin's view of the unknown


@pytest.mark.parametrize("slug", [SLUG])
def test_the_body_is_the_recorded_one(slug: str, golden: str) -> None:
    source = Source.objects.get(slug=golden)
    token = issue(AdminToken(name="t", role="viewer", source=source))
    response = ask(f"/{address_of(slug)}?as_of={NOW.isoformat().replace('+', '%2B')}", token)
    assert response.content == recorded(f"reports/{slug}.json")


def test_what_the_gateway_ignores_is_ignored(golden: str) -> None:
    token = issue(AdminToken(name="t", role="viewer", source=Source.objects.get(slug=golden)))
    noise = "tz=Mars&window=never&from=x&to=y&limit=ten&as_of=2026-02-16T12:00:30Z&source="
    assert ask(f"{HERE}?{noise}", token).content == recorded(f"reports/{SLUG}.json")


def test_a_moment_that_is_none_is_refused_by_name(site: Source) -> None:
    response = ask(f"{HERE}?as_of=tomorrow", X_Request_Id="r")
    assert response.status_code == 400
    assert response.content == refused("as_of: Use ISO 8601 or epoch milliseconds.")


def test_of_a_name_given_twice_the_first_counts(site: Source) -> None:
    assert ask(f"{HERE}?as_of=2026-03-01T00:00:00Z&as_of=tomorrow").status_code == 200


def expired(token: AdminToken) -> None:
    AdminToken.objects.filter(pk=token.pk).update(expires_at=datetime.now(UTC) - timedelta(days=1))


def test_tokens_that_may_not_read_are_wrong_keys(site: Source) -> None:
    poster = issue(AdminToken(name="poster", can_ingest=True, source=site))
    old = AdminToken(name="old", role="admin")
    secret = issue(old)
    expired(old)
    for key in (poster, secret):
        response = ask(HERE, key, X_Request_Id="r")
        assert (response.status_code, response.content) == (401, refused("Invalid admin key"))
    bearer = ask(HERE, None, Authorization=f"Bearer {KEY}")
    assert bearer.status_code == 401


def test_a_token_may_not_be_used_from_elsewhere(site: Source) -> None:
    key = issue(AdminToken(name="t", role="viewer", allowed_networks=["10.0.0.0/8"]))
    response = ask(HERE, key, X_Request_Id="r")
    assert response.status_code == 403
    assert response.content == refused("The token may not be used from here.")


def test_the_only_gateway_need_not_be_named(golden: str) -> None:
    token = issue(AdminToken(name="t", role="viewer"))
    Source.objects.create(slug="payments", kind="facilitator")
    total = json.loads(ask(HERE, token).content)["summary"]["totalKeys"]
    assert total == said("reports", SLUG)["summary"]["totalKeys"]


def test_of_several_gateways_one_is_named(golden: str, site: Source) -> None:
    token = issue(AdminToken(name="t", role="viewer"))
    response = ask(HERE, token, X_Request_Id="r")
    assert response.status_code == 400
    assert response.content == refused(
        "There are several gateways: say which with source=, one of golden, site."
    )
    totals = {
        slug: json.loads(ask(f"{HERE}?source={slug}", token).content)["summary"]["totalKeys"]
        for slug in ("golden", "site")
    }
    assert totals == {"golden": said("reports", SLUG)["summary"]["totalKeys"], "site": 0}
    unknown = ask(f"{HERE}?source=nobody", token, X_Request_Id="r")
    assert (unknown.status_code, unknown.content) == (400, refused("There is no such source."))


def test_a_key_of_a_gateway_sees_that_gateway_only(golden: str, site: Source) -> None:
    assert json.loads(ask(HERE).content)["summary"]["totalKeys"] == 0
    assert ask(f"{HERE}?source=site").content[:40] == ask(HERE).content[:40]
    other = ask(f"{HERE}?source=golden", X_Request_Id="r")
    assert other.status_code == 403
    assert other.content == refused("This token cannot read source 'golden'.")


def test_requests_are_counted_for_each_address_before_the_key(site: Source, settings: Any) -> None:
    settings.PAYGATE_ADMIN_REQUESTS_PER_MINUTE = 3
    assert [ask(HERE, key).status_code for key in (KEY, "wrong", None)] == [200, 401, 401]
    for key in (KEY, None):
        response = ask(HERE, key, X_Request_Id="r")
        assert response.status_code == 429
        assert response.content == refused("Too many admin requests. Try again later.")
        assert 1 <= int(response["Retry-After"]) <= 60
    # A caller cannot choose its address: the proxy in front says it, through the server.
    assert ask(HERE, X_Forwarded_For="203.0.113.9").status_code == 429
    assert Client(REMOTE_ADDR="203.0.113.9").get(HERE).status_code == 401
    assert ask(HERE, method="POST").status_code == 405


def test_zero_is_no_limit(site: Source, settings: Any) -> None:
    settings.PAYGATE_ADMIN_REQUESTS_PER_MINUTE = 0
    assert {ask(HERE, None).status_code for _ in range(125)} == {401}


def test_the_window_slides() -> None:
    assert [counted("here", 2, now) for now in (1000.5, 1030.0)] == [0, 0]
    assert counted("here", 2, 1040.25) == 20  # until the first is 60 s old, whole seconds
    assert counted("there", 2, 1040.25) == 0
    assert counted("here", 2, 1059.9) == 1
    assert counted("here", 2, 1060.0) == 0  # those refused did not count
    assert counted("here", 2, 1061.0) == 29


def test_the_compliance_export_is_a_download(golden: str) -> None:
    key = issue(AdminToken(name="t", role="viewer", source=Source.objects.get(slug=golden)))
    where = "/admin/compliance/export?framework=gdpr&as_of=2026-02-16T12:00:30Z"
    as_json, as_csv = ask(where, key), ask(f"{where}&format=csv", key)
    for response, kind, suffix in (
        (as_json, "application/json", "json"),
        (as_csv, "text/csv", "csv"),
    ):
        assert response["Content-Type"] == kind
        name = f"compliance-gdpr-2026-02-16.{suffix}"
        assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    assert as_json.content.startswith(b'{\n  "meta": {\n    "framework": "gdpr",\n')
    counts = [section["count"] for section in json.loads(as_json.content)["sections"]]
    assert len(as_csv.content.decode().split("\n")) == 1 + sum(counts)


def test_the_compliance_export_as_csv_quotes_what_the_gateway_quotes() -> None:
    event = {
        "timestamp": "2026-02-16T12:00:30.000Z",
        "category": "admin",
        "action": "auth_failed",
        "actor": 'a "b"',
        "detail": 'said "no", twice',
        "severity": "critical",
    }
    data = {"sections": [{"title": "One", "events": [event]}, {"title": "Two", "events": []}]}
    assert csv_lines(data) == (
        "section,timestamp,category,action,actor,severity,detail\n"
        '"One",2026-02-16T12:00:30.000Z,admin,auth_failed,"a ""b""",critical,'
        '"said ""no"", twice"'
    )
