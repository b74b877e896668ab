"""Scheduled reports: each period once, by its zone's clock, with the figures of the page."""

import hmac
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from email.message import EmailMessage
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from analytics.admin.charts import Chart, Series
from analytics.api.renderers import csv_text
from notify import reporting
from notify.chart import drawable, picture
from notify.delivery import deliver_due
from notify.letters import letter_of
from notify.models import Endpoint, Message, ReportSchedule
from notify.outbox import Letter
from notify.periods import Every, due, midnight, next_end, start_of
from notify.reporting import answered, resume, send_due
from notify.webhooks import new_secret
from tests.builders import paid, send
from tests.notify.conftest import Mailbox, Receiver

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n"


def schedule(**fields: Any) -> ReportSchedule:
    """Every day at eight in UTC, revenue by mail; what is given otherwise."""
    given: dict[str, Any] = {
        "name": "Takings",
        "family": "payments",
        "report": "revenue-breakdown",
        "at": time(8),
        "emails": ["boss@example.org"],
    }
    return ReportSchedule.objects.create(**(given | fields))


def as_if_made(row: ReportSchedule, days_ago: int) -> ReportSchedule:
    """As a schedule is that was made some days ago, with no worker since."""
    row.told_until = timezone.now().date() - timedelta(days=days_ago)
    row.save()
    return row


def part(mail: EmailMessage, kind: str) -> Any:
    return next(p for p in mail.walk() if p.get_content_type() == kind)


# --- periods ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("every", "weekday", "after", "end", "start"),
    [
        ("day", 0, "2026-03-28", "2026-03-29", "2026-03-28"),
        ("day", 0, "2026-12-31", "2027-01-01", "2026-12-31"),
        ("week", 0, "2026-03-28", "2026-03-30", "2026-03-23"),  # Saturday; Monday
        ("week", 0, "2026-03-30", "2026-04-06", "2026-03-30"),
        ("week", 6, "2026-03-28", "2026-03-29", "2026-03-22"),
        ("month", 0, "2026-01-31", "2026-02-01", "2026-01-01"),
        ("month", 0, "2024-02-01", "2024-03-01", "2024-02-01"),
        ("month", 0, "2026-12-15", "2027-01-01", "2026-12-01"),
    ],
)
def test_where_periods_end(every: str, weekday: int, after: str, end: str, start: str) -> None:
    found = next_end(Every(every), weekday, date.fromisoformat(after))
    assert found == date.fromisoformat(end)
    assert start_of(Every(every), found) == date.fromisoformat(start)


def test_a_day_of_the_clock_change_has_23_hours() -> None:
    start, end = (midnight(date(2026, 3, day), "Europe/Berlin") for day in (29, 30))
    assert end.astimezone(UTC) - start.astimezone(UTC) == timedelta(hours=23)
    # 02:30 does not exist on that day: it is sent at 03:30 summer time
    skipped = due(date(2026, 3, 29), time(2, 30), "Europe/Berlin")
    assert skipped.astimezone(UTC) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    # 02:30 comes twice on 25 October: the first counts
    twice = due(date(2026, 10, 25), time(2, 30), "Europe/Berlin")
    assert twice.astimezone(UTC) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_nothing_is_sent_of_the_time_before_it_was_made() -> None:
    row = schedule(zone="Pacific/Auckland")
    assert row.following > datetime.now(UTC).date()
    assert row.next_at > timezone.now()
    assert send_due() == 0
    assert not Message.objects.exists()


# --- sending ----------------------------------------------------------------------------------


def test_a_mail_has_the_figures_the_chart_and_the_csv(mailbox: Mailbox) -> None:
    yesterday = timezone.now().date() - timedelta(days=1)
    send(paid("a", f"{yesterday}T00:00:00Z", fee="1.50"))
    send(paid("b", f"{yesterday}T23:59:59.999Z", fee="0.25"))
    send(paid("c", f"{yesterday - timedelta(days=1)}T23:59:59.999Z", fee="4"))
    row = as_if_made(schedule(at=time(0), report="dashboard"), days_ago=1)
    report, answer, period = answered(row)
    assert send_due() == 1
    deliver_due(limit_seconds=20)
    (mail,) = mailbox.mails
    assert mail["To"] == "boss@example.org"
    assert mail["Subject"] == f"Takings: {yesterday} (UTC)"
    assert answer.data["summary"]["totalRevenue"] == "1.750000"
    html = part(mail, "text/html").get_content()
    assert re.search(r"Total revenue \(USD\)</td><td [^>]*>1.75</td>", html)
    assert "Total revenue (USD): 1.75" in part(mail, "text/plain").get_content()
    assert part(mail, "text/csv").get_content().splitlines() == (
        csv_text(report, answer.data).splitlines()
    )
    assert period.start == yesterday
    image = part(mail, "image/png")
    assert image["Content-ID"] == "<chart>"
    assert image.get_content().startswith(PNG)
    assert 'src="cid:chart"' in html


def test_an_endpoint_gets_the_figures_signed(receiver: Receiver) -> None:
    yesterday = timezone.now().date() - timedelta(days=1)
    send(paid("a", f"{yesterday}T00:00:00Z", fee="1.50"))
    send(paid("b", f"{yesterday - timedelta(days=1)}T23:59:59.999Z", fee="4"))
    endpoint = Endpoint.objects.create(name="e", url=receiver.url, secret=new_secret())
    row = schedule(emails=[], at=time(0))
    row.endpoints.add(endpoint)
    as_if_made(row, days_ago=1)
    assert send_due() == 1
    deliver_due(limit_seconds=20)
    ((headers, body),) = receiver.requests
    said = json.loads(body)
    assert said["type"] == "report.ready"
    assert said["data"]["report"] == "payments/revenue-breakdown"
    assert said["data"]["figures"]["total"] == "1.500000"
    assert said["data"]["from"] == f"{yesterday}T00:00:00+00:00"
    stamp, signature = headers["X-PayGate-Signature"].removeprefix("t=").split(",v1=")
    key = endpoint.secret.encode()
    assert signature == hmac.new(key, f"{stamp}.".encode() + body, "sha256").hexdigest()


def test_a_day_of_the_clock_change_has_the_money_of_its_23_hours() -> None:
    """29 March in Berlin is from 23:00 to 22:00 in UTC."""
    for name, at, fee in (
        ("before", "2026-03-28T22:59:59.999999Z", "1"),
        ("first", "2026-03-28T23:00:00Z", "0.5"),
        ("last", "2026-03-29T21:59:59.999999Z", "0.25"),
        ("after", "2026-03-29T22:00:00Z", "2"),
    ):
        send(paid(name, at, fee=fee))
    row = schedule(zone="Europe/Berlin", told_until=date(2026, 3, 29))
    _report, answer, period = answered(row)
    assert str(period) == "2026-03-29 (Europe/Berlin)"
    assert answer.data["total"] == "0.750000"


@pytest.mark.parametrize(
    ("report", "figure"),
    [
        ("hourly-stats", lambda data: sum(Decimal(row["fees"]) for row in data)),
        ("revenue-daily", lambda data: Decimal(data[-1]["fees"])),
    ],
)
def test_a_report_without_a_range_is_of_the_day_that_is_over(
    report: str, figure: Callable[[Any], Decimal]
) -> None:
    send(paid("a", "2026-03-28T23:00:00Z", fee="0.5"), paid("b", "2026-03-29T22:00:00Z", fee="2"))
    row = schedule(report=report, zone="Europe/Berlin", told_until=date(2026, 3, 29))
    _report, answer, _period = answered(row)
    assert figure(answer.data) == Decimal("0.5")


def test_what_was_missed_is_sent_oldest_first_and_each_period_once() -> None:
    row = as_if_made(schedule(at=time(0)), days_ago=3)
    assert send_due() == 3
    today = timezone.now().date()
    ids = list(Message.objects.order_by("pk").values_list("event_id", flat=True))
    days = [today - timedelta(days=2), today - timedelta(days=1), today]
    assert ids == [f"report.ready:{row.pk}:{day}" for day in days]
    assert send_due() == 0
    as_if_made(row, days_ago=2)  # as if the worker died before it noted the last two
    assert send_due() == 2
    assert Message.objects.count() == 3


def test_three_failures_pause_it_and_tell_the_owner(mailbox: Mailbox) -> None:
    owner = User.objects.create_user("ann", email="ann@example.org")
    row = as_if_made(schedule(at=time(0), owner=owner, params={"network": "base"}), days_ago=1)
    ReportSchedule.objects.update(params={"source": "nobody"})
    for failures in (1, 2, 3):
        assert send_due() == 0
        row.refresh_from_db()
        assert row.failures == failures
        assert row.next_at > timezone.now() + timedelta(minutes=4)
        assert (row.paused_at is not None) is (failures == 3)
        ReportSchedule.objects.update(next_at=timezone.now())
    assert send_due() == 0
    deliver_due(limit_seconds=20)
    (mail,) = mailbox.mails
    assert mail["To"] == "ann@example.org"
    assert "Takings" in mail["Subject"]
    row.params = {}
    resume(row)
    assert send_due() == 1
    row.refresh_from_db()
    assert (row.failures, row.error, row.paused_at) == (0, "", None)


def test_one_that_breaks_in_a_way_nobody_foresaw_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = as_if_made(schedule(at=time(0)), days_ago=2)
    as_if_made(schedule(at=time(0), name="Other"), days_ago=1)

    def letter(name: str, *rest: Any) -> Letter:
        if name == broken.name:
            raise RuntimeError("no such font")
        return letter_of(name, *rest)

    monkeypatch.setattr(reporting, "letter_of", letter)
    assert send_due() == 1
    assert Message.objects.get().subject.startswith("Other: ")
    broken.refresh_from_db()
    assert (broken.failures, broken.error) == (1, "RuntimeError: no such font")


def test_a_disabled_one_is_not_sent() -> None:
    as_if_made(schedule(at=time(0), enabled=False), days_ago=2)
    assert send_due() == 0


@pytest.mark.parametrize(
    ("family", "report"),
    [("payments", "realtime"), ("payments", "dashboard"), ("gateway", "denials")],
)
def test_any_report_can_be_sent(family: str, report: str) -> None:
    as_if_made(schedule(at=time(0), family=family, report=report), days_ago=1)
    assert send_due() == 1
    assert Message.objects.get().files.filter(name=f"{report}.csv").exists()


def test_what_is_drawn_is_the_first_chart_that_shows_something() -> None:
    empty = Chart("a", "Nothing", "bar", "USD", ["x"], [Series("s", [0])])
    # neither a formula nor too much to draw
    series = [Series(f"$\\frac{{{n}$", [Decimal(n)] * 100) for n in range(1, 4)]
    full = Chart("b", "$\\sum", "bar", "", [f"$x_{n}" for n in range(100)], series)
    assert drawable([empty]) is None
    assert drawable([empty, full]) is full
    assert picture(full).startswith(PNG)


# --- the admin --------------------------------------------------------------------------------


FORM = {
    "name": "Weekly",
    "family": "payments",
    "report": "revenue-breakdown",
    "params": "{}",
    "every": "week",
    "weekday": "0",
    "at": "08:00",
    "zone": "Europe/Berlin",
    "emails": "a@example.org",
    "enabled": "on",
}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"report": "no-such"}, "there is no report no-such"),
        ({"params": '{"source": "nobody"}'}, "There is no such source."),
        ({"params": '{"windw": "1h"}'}, "the report has no parameter windw"),
        ({"zone": "Mars/Olympus"}, "Use an IANA time zone"),
        ({"emails": ""}, "Name an address or an endpoint."),
    ],
)
def test_the_form_refuses_what_cannot_be_sent(change: dict[str, str], why: str) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    answer = client.post("/admin/notify/reportschedule/add/", FORM | change)
    assert answer.status_code == 200
    assert why in str(answer.context["adminform"].form.errors)
    assert not ReportSchedule.objects.exists()


def test_it_is_made_and_tried_in_the_admin(mailbox: Mailbox) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root", "root@example.org"))
    answer = client.post("/admin/notify/reportschedule/add/", FORM)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    row = ReportSchedule.objects.get()
    assert row.following.weekday() == 0
    client.get(f"/admin/notify/reportschedule/{row.pk}/send_test_mail/")
    deliver_due(limit_seconds=20)
    assert {mail["To"] for mail in mailbox.mails} == {"root@example.org"}
    row.refresh_from_db()
    assert row.told_until < row.following
