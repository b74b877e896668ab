"""The quarantine in the admin: nothing vanishes, and every decision has a reason."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from billing.ingest import receive
from billing.models import Payment, RejectedEvent, Source
from billing.models.events import RejectedStatus

LIST = "/admin/billing/rejectedevent/"
BROKEN = b'{"type": "payment:settled", "data": {"paymentId": "p1", "fee": "<b>"}}'
FOREIGN = (
    b'{"type": "payment:settled", "source": "later", "data":'
    b' {"paymentId": "p1", "fee": "0.5", "timestamp": "2026-03-10T10:00:00Z"}}'
)


@pytest.fixture
def rejected(db: None) -> RejectedEvent:
    """An event that cannot be understood."""
    receive([BROKEN], Source.objects.get(slug="default"))
    return RejectedEvent.objects.get()


def test_the_body_is_shown_verbatim_and_escaped(staff: Client, rejected: RejectedEvent) -> None:
    page = staff.get(f"{LIST}{rejected.pk}/change/").content.decode()
    assert "&quot;fee&quot;: &quot;&lt;b&gt;&quot;" in page


def test_dismissing_asks_for_a_reason_and_keeps_it(staff: Client, rejected: RejectedEvent) -> None:
    url = f"{LIST}{rejected.pk}/dismiss/"
    assert staff.get(url).status_code == 200
    assert staff.post(url, {"reason": " "}).status_code == 200
    rejected.refresh_from_db()
    assert rejected.status == RejectedStatus.OPEN
    staff.post(url, {"reason": "test traffic"})
    rejected.refresh_from_db()
    assert rejected.status == RejectedStatus.DISMISSED
    assert rejected.resolution == "root: test traffic"
    assert rejected.resolved_at is not None
    assert LogEntry.objects.get().get_change_message() == "Dismissed."


def test_a_dismissed_event_is_not_dismissed_again(staff: Client, rejected: RejectedEvent) -> None:
    url = f"{LIST}{rejected.pk}/dismiss/"
    staff.post(url, {"reason": "first"})
    response = staff.post(url, {"reason": "second"}, follow=True)
    rejected.refresh_from_db()
    assert rejected.resolution == "root: first"
    assert "nothing was changed" in response.content.decode()


def test_replaying_takes_the_event_in_once_it_can_be_understood(staff: Client) -> None:
    receive([FOREIGN], Source.objects.get(slug="default"), any_source=True)
    rejected = RejectedEvent.objects.get()
    url = f"{LIST}{rejected.pk}/replay/"
    assert Payment.objects.count() == 0
    RejectedEvent.objects.filter(pk=rejected.pk).update(
        body=FOREIGN.replace(b'"source": "later", ', b"")
    )
    response = staff.post(url, follow=True)
    rejected.refresh_from_db()
    assert rejected.status == RejectedStatus.REPLAYED
    assert "was replayed: accepted" in response.content.decode()
    assert Payment.objects.get().fee_usd is not None


def test_an_event_rejected_again_says_why_and_stays_open(
    staff: Client, rejected: RejectedEvent
) -> None:
    response = staff.post(f"{LIST}{rejected.pk}/replay/", follow=True)
    rejected.refresh_from_db()
    assert rejected.status == RejectedStatus.OPEN
    assert "was rejected again" in response.content.decode()


def test_selected_events_are_replayed_together(staff: Client, rejected: RejectedEvent) -> None:
    receive([BROKEN.replace(b"p1", b"p2")], Source.objects.get(slug="default"))
    keys = list(RejectedEvent.objects.values_list("pk", flat=True))
    form = {"action": "replay_selected", "_selected_action": [str(key) for key in keys]}
    page = staff.post(LIST, form, follow=True).content.decode()
    assert page.count("was rejected again") == 2


def test_looking_changes_nothing(staff: Client, rejected: RejectedEvent) -> None:
    staff.get(f"{LIST}{rejected.pk}/replay/")
    staff.get(f"{LIST}{rejected.pk}/dismiss/")
    assert RejectedEvent.objects.get().status == RejectedStatus.OPEN
    assert RejectedEvent.objects.get().times_seen == 1


def test_who_may_only_look_may_not_decide(viewer: Client, rejected: RejectedEvent) -> None:
    assert viewer.get(f"{LIST}{rejected.pk}/change/").status_code == 200
    assert viewer.post(f"{LIST}{rejected.pk}/replay/").status_code == 403
    assert viewer.post(f"{LIST}{rejected.pk}/dismiss/", {"reason": "x"}).status_code == 403
    assert RejectedEvent.objects.get().status == RejectedStatus.OPEN


def test_open_ones_are_found_by_status(staff: Client, rejected: RejectedEvent) -> None:
    open_page = staff.get(f"{LIST}?status=open").context["cl"]
    closed_page = staff.get(f"{LIST}?status=dismissed").context["cl"]
    assert [row.pk for row in open_page.result_list] == [rejected.pk]
    assert closed_page.result_list == []
