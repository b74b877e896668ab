"""Outgoing webhooks: nothing lost, nothing doubled, signed, retried, replayed."""

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test import Client, override_settings

from billing.api.signatures import is_signed
from billing.ingest import receive
from billing.models import ApiKey, Source
from notify import outbox
from notify.delivery import claim, deliver_due, resume, wait_after
from notify.models import Attempt, Delivery, Endpoint, Message
from tests.builders import earned, failed, paid, received, reversed_, send, settled
from tests.notify.conftest import Mailbox, Receiver, bodies, endpoint

AT = "2026-03-10T11:00:00Z"
pytestmark = pytest.mark.django_db


def told() -> list[str]:
    """Types of all messages, oldest first."""
    return list(Message.objects.order_by("id").values_list("type", flat=True))


def test_a_settled_payment_is_told_once_signed_and_with_its_facts(receiver: Receiver) -> None:
    shop = endpoint(receiver, "payment.settled")
    event = paid("p1", AT, amount="12.5", fee="0.25")
    send(event)
    assert receive([json.dumps(event).encode()], Source.objects.get(slug="default")).duplicate == 1
    assert deliver_due(60) == 1
    ((headers, body),) = receiver.requests
    told_ = json.loads(body)
    assert told_["type"] == "payment.settled"
    assert told_["id"] == headers["X-PayGate-Delivery"] == Message.objects.get().event_id
    assert (told_["source"], told_["data"]["paymentId"]) == ("default", "p1")
    assert (told_["data"]["amount"], told_["data"]["fee"]) == ("12.5", "0.25")
    assert is_signed(headers["X-PayGate-Signature"], body, [shop.secret])
    assert not is_signed(headers["X-PayGate-Signature"], body + b" ", [shop.secret])
    assert deliver_due(60) == 0


def test_each_state_of_a_payment_is_told_once(receiver: Receiver) -> None:
    endpoint(receiver, "payment.settled", "payment.failed")
    send(received("p1", AT))
    assert told() == []
    send(failed("p1", AT))
    send(settled("p1", AT))
    send(reversed_("p1", "2026-03-10T11:05:00Z"))
    send(received("p1", "2026-03-10T10:59:00Z", amount="3"))
    assert told() == ["payment.failed", "payment.settled"]


def test_revenue_is_told_once_a_record(receiver: Receiver) -> None:
    endpoint(receiver, "revenue.recorded")
    send(paid("p1", AT, fee="0.25"), earned("r1", AT, "premium", "5"))
    send(settled("p1", "2026-03-10T10:00:00Z", fee="0.75"))
    kinds = sorted(Message.objects.values_list("data__kind", "data__amount"))
    assert kinds == [("facilitator_fee", "0.25"), ("premium", "5")]


def test_a_fact_that_is_rolled_back_is_not_told(receiver: Receiver) -> None:
    endpoint(receiver, "payment.settled")
    with transaction.atomic():
        send(paid("p1", AT))
        assert told() == ["payment.settled"]
        transaction.set_rollback(True)
    assert told() == []


def test_without_a_subscriber_nothing_is_written(receiver: Receiver) -> None:
    endpoint(receiver, "payment.failed")
    endpoint(receiver, "payment.settled", name="off", enabled=False)
    send(earned("r1", AT, "premium", "5"))
    assert told() == []


def test_an_endpoint_of_one_source_gets_only_its_own(receiver: Receiver) -> None:
    other = Source.objects.create(slug="other")
    endpoint(receiver, "payment.settled", source=other)
    send(paid("p1", AT))
    send(paid("p2", AT), source="other")
    deliver_due(60)
    assert [body["data"]["paymentId"] for body in bodies(receiver)] == ["p2"]


def test_a_key_is_told_each_time_it_falls_below_an_endpoints_limit(receiver: Receiver) -> None:
    endpoint(receiver, "key.low_balance", low_balance=10)
    endpoint(receiver, "key.low_balance", name="rich", low_balance=1000)
    source = Source.objects.get(slug="default")
    key = ApiKey.objects.create(source=source, name="k", mask="pg_1...2", credits=50)
    for credits in (10, 9, 8):
        ApiKey.objects.filter(pk=key.pk).update(credits=credits)
    deliver_due(60)
    (body,) = bodies(receiver)
    assert (body["data"]["credits"], body["data"]["threshold"]) == ("9", "10")


@pytest.mark.parametrize("status", [500, 404, 301, 307])
def test_only_2xx_counts_and_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    shop = endpoint(receiver, "payment.settled")
    send(paid("p1", AT))
    deliver_due(60)
    delivery, attempt = Delivery.objects.get(), Attempt.objects.get()
    assert (delivery.state, delivery.error) == ("waiting", f"HTTP {status}")
    assert (attempt.status, attempt.answer) == (status, "seen")
    assert len(receiver.requests) == 1
    assert Endpoint.objects.get(pk=shop.pk).failing_since is not None
    Delivery.objects.update(next_at=Now())
    deliver_due(60)
    assert Delivery.objects.get().state == "delivered"
    assert Endpoint.objects.get(pk=shop.pk).failing_since is None
    first, second = receiver.requests
    assert first[1] == second[1]


def test_waits_double_and_are_spread() -> None:
    for attempts in range(1, 40):
        full = min(15 * 2 ** (attempts - 1), 7200)
        assert full / 2 <= wait_after(attempts).total_seconds() <= full


def test_a_day_of_failures_pauses_tells_the_owner_and_loses_nothing(
    receiver: Receiver, mailbox: Mailbox
) -> None:
    owner = User.objects.create(username="ann", email="ann@example.org")
    shop = endpoint(receiver, "payment.settled", owner=owner)
    receiver.statuses = [500]
    send(paid("p1", AT))
    Delivery.objects.update(give_up_at=Now())
    deliver_due(60)
    shop.refresh_from_db()
    assert shop.paused_at is not None
    assert Delivery.objects.get(endpoint=shop).state == "failed"
    (mail,) = mailbox.mails
    assert (mail["To"], mail["Subject"]) == ("ann@example.org", "Webhook endpoint shop is paused")
    send(paid("p2", AT))
    deliver_due(60)
    assert len(receiver.requests) == 1
    assert resume(shop) == 1
    outbox.replay(Delivery.objects.filter(state="failed").values_list("pk", flat=True))
    deliver_due(60)
    assert sorted(b["data"]["paymentId"] for b in bodies(receiver)) == ["p1", "p1", "p2"]


def test_a_sender_killed_after_its_claim_is_followed_by_another(receiver: Receiver) -> None:
    endpoint(receiver, "payment.settled")
    send(paid("p1", AT))
    (taken,) = claim()
    assert deliver_due(60) == 0
    Delivery.objects.filter(pk=taken).update(next_at=Now() - timedelta(seconds=1))
    assert deliver_due(60) == 1
    assert Delivery.objects.get().state == "delivered"


def test_addresses_the_guard_refuses_are_not_called(receiver: Receiver) -> None:
    endpoint(receiver, "payment.settled")
    send(paid("p1", AT))
    with override_settings(PAYGATE_GATEWAY_ALLOW_PRIVATE=False):
        deliver_due(60)
    assert receiver.requests == []
    assert "private" in Delivery.objects.get().error


def test_the_secret_is_shown_once_and_sealed(client: Client, receiver: Receiver) -> None:
    client.force_login(User.objects.create_superuser("root"))
    form = {"name": "shop", "url": receiver.url, "events": ["payment.settled"], "enabled": "on"}
    page = client.post("/admin/notify/endpoint/add/", {**form, "low_balance": "5"})
    shop = Endpoint.objects.get()
    assert shop.secret in page.content.decode()
    with connection.cursor() as cursor:
        cursor.execute("select secret from notify_endpoint")
        assert shop.secret not in cursor.fetchone()[0]
    url = f"/admin/notify/endpoint/{shop.pk}"
    assert shop.secret not in client.get(f"{url}/change/").content.decode()
    old = shop.secret
    assert old not in client.post(f"{url}/rotate/").content.decode()
    client.post(f"{url}/send_test/")
    ((headers, body),) = receiver.requests
    shop.refresh_from_db()
    for secret in (old, shop.secret):
        assert is_signed(headers["X-PayGate-Signature"], body, [secret])
    client.post(f"{url}/forget_previous/")
    shop.refresh_from_db()
    assert shop.secrets() == [shop.secret]
    client.get("/admin/notify/delivery/")
    page = client.get(f"/admin/notify/delivery/{Delivery.objects.get().pk}/change/")
    assert "seen" in page.content.decode()


def test_a_filtered_set_is_sent_again(client: Client, receiver: Receiver) -> None:
    client.force_login(User.objects.create_superuser("root"))
    endpoint(receiver, "payment.settled")
    send(paid("p1", AT), paid("p2", AT), paid("p3", AT))
    deliver_due(60)
    one = Delivery.objects.order_by("pk")[0]
    asked = {"action": "send_all_again", "_selected_action": [one.pk]}
    client.post("/admin/notify/delivery/?state__exact=waiting", asked)
    assert not Delivery.objects.filter(state="waiting").exists()
    client.post("/admin/notify/delivery/?state__exact=delivered", asked)
    deliver_due(60)
    assert len(receiver.requests) == 6
