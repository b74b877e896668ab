"""Alerts: fire once, recover, keep quiet when muted, say when there is nothing to say."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.test import Client

from notify.admin.alerts import firing_badge
from notify.delivery import deliver_due
from notify.evaluate import apply, evaluate
from notify.models import Message
from notify.models.alerts import Alert, AlertRule, Evaluation, MutingWindow
from notify.muting import holds
from tests.builders import paid, send
from tests.notify.conftest import Mailbox, Receiver, bodies, endpoint

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 10, 12, tzinfo=UTC)


def rule(**more: Any) -> AlertRule:
    """Fires above 100 open payments, unless told otherwise."""
    fields = {"name": "r", "family": "payments", "report": "realtime", "threshold": 100}
    return AlertRule.objects.create(**{**fields, "figure": "pendingSettlements", **more})


def look(of: AlertRule, minute: int, value: str | None, subject: str = "") -> None:
    """An evaluation that found this."""
    found = None if value is None else Decimal(value)
    apply(of, START + timedelta(minutes=minute), {subject: found})


def told() -> list[str]:
    """Types of messages, oldest first."""
    return list(Message.objects.order_by("id").values_list("type", flat=True))


def test_it_fires_once_and_recovers_once() -> None:
    ours = rule()
    for minute, value in enumerate(["100", "101", "150", "101", "100", "99", "101"]):
        look(ours, minute, value)
    assert told() == ["alert.firing", "alert.resolved", "alert.firing"]
    states = list(Alert.objects.order_by("id").values_list("state", flat=True))
    assert states == ["resolved", "firing"]


def test_it_waits_for_its_duration() -> None:
    ours = rule(for_seconds=120)
    look(ours, 0, "101")
    look(ours, 1, "101")
    assert (told(), Alert.objects.get().state) == ([], "pending")
    look(ours, 2, "101")
    assert (told(), Alert.objects.get().state) == (["alert.firing"], "firing")


def test_what_never_fired_leaves_no_alert() -> None:
    ours = rule(for_seconds=120)
    look(ours, 0, "101")
    look(ours, 1, "5")
    assert (told(), Alert.objects.count()) == ([], 0)


@pytest.mark.parametrize(
    ("no_data", "from_quiet", "from_firing"),
    [("firing", 1, 1), ("ok", 0, 0), ("keep", 0, 1)],
)
def test_silence(no_data: str, from_quiet: int, from_firing: int) -> None:
    quiet, loud = rule(no_data=no_data), rule(no_data=no_data, name="loud")
    look(loud, 0, "101")
    for ours, expected in ((quiet, from_quiet), (loud, from_firing)):
        look(ours, 1, None)
        assert ours.alerts.exclude(state="resolved").count() == expected


def test_a_list_without_rows_is_silence_and_rows_end_it() -> None:
    ours = rule(rows="list", subject="name")
    apply(ours, START, {})
    assert Alert.objects.get().value is None
    apply(ours, START + timedelta(minutes=1), {"base": Decimal(1)})
    assert Alert.objects.get().state == "resolved"


def test_each_subject_is_an_alert_of_its_own() -> None:
    ours = rule(rows="list", subject="name")
    apply(ours, START, {"a": Decimal(101), "b": Decimal(102), "c": Decimal(1)})
    apply(ours, START + timedelta(minutes=1), {"a": Decimal(101), "c": Decimal(1)})
    states = dict(Alert.objects.values_list("subject", "state"))
    assert states == {"a": "firing", "b": "resolved"}


def test_an_older_or_doubled_look_changes_nothing() -> None:
    ours = rule()
    look(ours, 5, "101")
    look(ours, 5, "1")
    look(ours, 4, "1")
    assert (told(), Evaluation.objects.count()) == (["alert.firing"], 1)


@pytest.mark.parametrize(("firing", "shown"), [(0, ""), (3, "3"), (99, "99"), (130, "99+")])
def test_the_sidebar_says_how_many_fire(firing: int, shown: str) -> None:
    ours = rule()
    Alert.objects.bulk_create(
        Alert(rule=ours, subject=f"s{n}", state="firing", breached_at=START, fired_at=START)
        for n in range(firing)
    )
    Alert.objects.create(rule=rule(name="calm"), state="pending", breached_at=START)
    assert firing_badge(HttpRequest()) == shown


def test_the_database_refuses_a_second_open_alert() -> None:
    ours = rule()
    look(ours, 0, "101")
    with pytest.raises(IntegrityError), transaction.atomic():
        Alert.objects.create(rule=ours, state="firing", breached_at=START + timedelta(hours=1))


def test_a_muted_alert_is_recorded_and_told_when_the_silence_ends() -> None:
    ours = rule()
    MutingWindow.objects.create(
        reason="upgrade", starts_at=START, ends_at=START + timedelta(minutes=10)
    )
    look(ours, 1, "101")
    assert (told(), Alert.objects.get().state) == ([], "firing")
    look(ours, 10, "101")
    assert told() == ["alert.firing"]


def test_a_muted_alert_that_is_over_is_never_told() -> None:
    ours = rule()
    MutingWindow.objects.create(
        rule=ours, reason="upgrade", starts_at=START, ends_at=START + timedelta(minutes=10)
    )
    look(ours, 1, "101")
    look(ours, 2, "1")
    look(ours, 20, "1")
    assert (told(), Alert.objects.get().state) == ([], "resolved")


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-03-28T21:59:59+00:00", False),  # Saturday 22:59:59 in Berlin
        ("2026-03-28T22:00:00+00:00", True),
        ("2026-03-29T00:30:00+00:00", True),  # 01:30, before the clock goes on
        ("2026-03-29T01:30:00+00:00", True),  # 03:30
        ("2026-03-29T02:00:00+00:00", False),  # 04:00
        ("2026-03-29T22:00:00+00:00", False),  # Sunday evening
    ],
)
def test_a_weekly_silence_follows_the_clock_on_the_wall(moment: str, expected: bool) -> None:
    weekly = MutingWindow(
        weekdays=[5], from_time=time(23), to_time=time(4), zone="Europe/Berlin", reason="batch"
    )
    assert holds(weekly, datetime.fromisoformat(moment)) is expected


def test_an_evaluation_that_fails_is_shown_and_keeps_the_state(client: Client) -> None:
    ours = rule(report="no-such")
    look(ours, -60 * 24 * 365, "101")
    evaluate(ours)
    assert "no report no-such" in Evaluation.objects.latest("id").error
    assert Alert.objects.get().state == "firing"
    client.force_login(User.objects.create_superuser("root"))
    assert "no report no-such" in client.get("/admin/notify/alertrule/").content.decode()


def test_it_reads_the_reports_figure_and_tells_by_mail_and_webhook(
    receiver: Receiver, mailbox: Mailbox
) -> None:
    send(paid("p1", "2026-03-10T11:00:00Z", amount="7.5"))
    ours = rule(
        report="payments",
        params={"window": "all"},
        figure="totalVolume",
        comparison="gte",
        threshold="7.5",
        emails=["ops@example.org"],
    )
    ours.endpoints.add(endpoint(receiver))
    evaluate(ours)
    evaluate(ours)
    deliver_due(60)
    (body,) = bodies(receiver)
    assert (body["type"], body["data"]["value"]) == ("alert.firing", "7.500000")
    (mail,) = mailbox.mails
    assert (mail["To"], mail["Subject"]) == ("ops@example.org", "[Firing] Warning: r")
    assert "7.5" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # it has one


def test_staff_acknowledge_with_a_reason(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    ours = rule()
    look(ours, 0, "101")
    alert = Alert.objects.get()
    url = f"/admin/notify/alert/{alert.pk}"
    client.post(f"{url}/acknowledge/", {"reason": "on it"})
    alert.refresh_from_db()
    got = (alert.state, alert.acknowledged_by, alert.reason)
    assert got == ("acknowledged", "root", "on it")
    look(ours, 1, "102")
    assert told() == ["alert.firing"]
    assert client.get("/admin/notify/alert/").status_code == 200
    assert "on it" in client.get(f"{url}/change/").content.decode()
    look(ours, 2, "1")
    assert told() == ["alert.firing", "alert.resolved"]


def test_the_rules_to_begin_with_can_be_evaluated(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    known = import_module("notify.migrations.0004_known_rules").RULES
    for fields in known:
        ours, _ = AlertRule.objects.update_or_create(
            name=fields["name"], defaults={**fields, "enabled": True}
        )
        looked = evaluate(ours)
        assert looked is not None
        assert looked.error == ""
        page = client.get(f"/admin/notify/alertrule/{ours.pk}/test_now/", follow=True)
        assert page.status_code == 200
