"""What was received or verified and never went on expires; pending never does."""

import time
from hashlib import sha256

import pytest

from billing.models import Event, RejectedEvent
from billing.tasks import expire_payments
from tests.ingest.events import NOW, event, failed, payment, post, received, settled

pytestmark = pytest.mark.django_db
HOURS = 3_600_000


@pytest.fixture
def ago() -> int:
    """The offset of the present moment."""
    return int(time.time() * 1000) - NOW


def test_open_payments_expire_an_hour_after_their_start(ago: int) -> None:
    post(
        received("old", ago - 61 * 60_000),
        received("young", ago - 59 * 60_000),
        event("payment:verified", "verified", ago - 2 * HOURS),
        received("pending", ago - 9 * HOURS),
        failed("pending", ago - 9 * HOURS, error="settlement_pending"),
        received("done", ago - 9 * HOURS),
        settled("done", ago - 9 * HOURS),
    )
    assert expire_payments() == 2
    states = {p: payment(p).status for p in ("old", "young", "verified", "pending", "done")}
    assert states == {
        "old": "expired",
        "young": "received",
        "verified": "expired",
        "pending": "pending",
        "done": "settled",
    }
    assert expire_payments() == 0
    assert Event.objects.filter(type="payment:expired").count() == 2


def test_valid_before_decides_when_the_event_says_it(ago: int) -> None:
    seconds = int(time.time())
    post(
        received("over", ago - 20 * 60_000, validBefore=seconds - 601),
        received("grace", ago - 20 * 60_000, validBefore=str(seconds - 500)),
        received("long", ago - 9 * HOURS, validBefore=seconds + 9999),
        received("absurd", ago - 20 * 60_000, validBefore=5),
    )
    assert expire_payments() == 2
    assert [payment(p).status for p in ("over", "grace", "long", "absurd")] == [
        "expired",
        "received",
        "received",
        "expired",
    ]
    assert RejectedEvent.objects.count() == 0


def test_a_taken_event_id_does_not_hold_up_the_others(ago: int) -> None:
    taken = f"paygate:expired:{sha256(b'first').hexdigest()}"
    post(
        received("first", ago - 3 * HOURS),
        received("second", ago - 2 * HOURS),
        {"id": taken, "type": "note"},
    )
    assert expire_payments() == 1
    assert [payment(p).status for p in ("first", "second")] == ["received", "expired"]


def test_a_late_settlement_revives_an_expired_payment(ago: int) -> None:
    post(received("p", ago - 3 * HOURS))
    expire_payments()
    post(settled("p", ago - 2 * HOURS))
    assert payment("p").status == "settled"
