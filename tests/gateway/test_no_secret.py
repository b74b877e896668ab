"""Staff see everything of a recorded gateway but its secrets; nor are they kept or logged."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from billing.gateway import uploads
from billing.models import ApiKey, GatewayImport, PollGap, PollState, Source, WebhookDelivery
from tests.gateway.conftest import gateway, import_golden, recorded
from tests.gateway.hook import DELIVERIES, call, created, deliver
from tests.gateway.test_hostile import secrets, tables_with
from tests.gateway.test_import import upload

pytestmark = pytest.mark.django_db

ADMIN_KEY = "FAKE-admin-key-scenario-a"
WEBHOOK_SECRET = "FAKE-webhook-secret-scenario-a"
KNOWN = [*secrets(), ADMIN_KEY, WEBHOOK_SECRET]
MODELS = [m for m in admin.site._registry if m._meta.app_label in ("billing", "analytics")]
SHOWN_OF_EACH = 3


class Heard(logging.Handler):
    """What was logged, formatted with its traceback."""

    def __init__(self) -> None:
        """Nothing yet."""
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.lines.append(logging.Formatter().format(record))


@pytest.fixture(scope="module")
def heard() -> Iterator[Heard]:
    """Everything logged during these tests."""
    handler, root = Heard(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(scope="module")
def browser(heard: Heard, django_db_setup: None, django_db_blocker: Any) -> Iterator[Client]:
    """A superuser's browser on a portal that a gateway filled in every way."""
    with django_db_blocker.unblock(), transaction.atomic():
        client = Client()
        client.force_login(User.objects.create_superuser("root", "root@example.org", "pass"))
        fill(client)
        yield client
        transaction.set_rollback(True)


def fill(client: Client) -> None:
    """Deliveries, also bad ones, uploads stored and waiting, imports, polls that failed."""
    source = gateway("gw")
    source.signing_secret, source.admin_key = WEBHOOK_SECRET, ADMIN_KEY
    source.previous_signing_secret = f"{WEBHOOK_SECRET}-before"
    source.save()
    for delivery in DELIVERIES:
        deliver(delivery["body"].encode(), secret=WEBHOOK_SECRET)
    upload(client, source, "backup", recorded("backup.json"))
    uploads.store_open_uploads()
    import_golden(source, recorded)
    upload(client, source, "keys", recorded("backup.json"))
    upload(client, source, "usage", recorded("backup.json"))
    for secret in KNOWN[:SHOWN_OF_EACH]:
        bad = call(tool=secret, allowed="no", keyName=secret)
        deliver({"events": [bad], "adminEvents": [created(secret)]}, secret=WEBHOOK_SECRET)
        deliver(f'{{"events":["{secret}'.encode(), secret=WEBHOOK_SECRET)
        deliver(b"{}", secret=secret)
    PollState.objects.create(source=source, resource="usage", failures=2, error="refused: 401")
    PollGap.objects.create(source=source, resource="audit", reason="the log went round")


def page(client: Client, url: str) -> str:
    """A page as staff get it."""
    answer = client.get(url)
    assert answer.status_code == 200, url
    return answer.content.decode()


def leaked(text: str) -> list[str]:
    """The secrets in a text."""
    return [secret for secret in KNOWN if secret in text]


def test_it_is_filled(browser: Client) -> None:
    assert (ApiKey.objects.filter(digest__isnull=False).count(), len(KNOWN)) == (72, 76)
    assert WebhookDelivery.objects.count() > 800
    assert GatewayImport.objects.count() >= 1
    assert leaked(recorded("backup.json").decode()) == KNOWN[:72]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.model_name)
def test_no_list_and_no_page_of_the_admin_shows_one(browser: Client, model: type[Model]) -> None:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    assert leaked(page(browser, reverse(f"{name}_changelist"))) == []
    for pk in model._default_manager.values_list("pk", flat=True)[:SHOWN_OF_EACH]:
        for view in ("change", "history"):
            assert leaked(page(browser, reverse(f"{name}_{view}", args=[pk]))) == []


def test_the_pages_of_every_key_show_none(browser: Client) -> None:
    for pk in ApiKey.objects.values_list("pk", flat=True):
        assert leaked(page(browser, reverse("admin:billing_apikey_change", args=[pk]))) == []


@pytest.mark.parametrize("path", ["keys", "sources", "rejected-events", "usage-events"])
def test_the_records_api_gives_none(browser: Client, path: str) -> None:
    assert leaked(page(browser, f"/api/v1/{path}/")) == []


def test_finding_a_key_by_its_secret_answers_without_it(browser: Client) -> None:
    found = browser.post(reverse("admin:billing_apikey_find"), {"key": KNOWN[0]}, follow=True)
    key = ApiKey.objects.get(pk=found.redirect_chain[-1][0].split("/")[-3])
    assert (key.mask[:7], key.mask[-4:]) == (KNOWN[0][:7], KNOWN[0][-4:])
    unknown = f"pg_{'0f' * 24}"
    missed = browser.post(reverse("admin:billing_apikey_find"), {"key": unknown}, follow=True)
    for answer in (found, missed):
        assert leaked(answer.content.decode() + str(answer.redirect_chain)) == []
        assert unknown not in answer.content.decode()


def test_after_all_that_no_table_and_no_line_of_the_log_has_one(
    browser: Client, heard: Heard
) -> None:
    assert Source.objects.get(slug="gw").admin_key == ADMIN_KEY
    assert tables_with(KNOWN) == []
    assert leaked("\n".join(heard.lines)) == []
    assert heard.lines
