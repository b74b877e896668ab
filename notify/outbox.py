"""Writing messages from Python, in the transaction of what they tell."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.db.models.functions import Now

from notify.models import Delivery, DeliveryState, Endpoint, Message
from notify.models.messages import GIVE_UP_AFTER

_ADD = """
insert into notify_delivery (message_id, endpoint_id, address, give_up_at)
select %(message)s, e.id, '', statement_timestamp() + %(give_up)s
from notify_endpoint e where e.id = any(%(endpoints)s) and e.enabled
union all
select %(message)s, null, a.address, statement_timestamp() + %(give_up)s
from unnest(%(addresses)s::text[]) as a(address)
on conflict do nothing
"""


@dataclass(frozen=True)
class Letter:
    """What an e-mail says."""

    subject: str
    text: str
    html: str = ""


def post(
    event_id: str,
    type_: str,
    data: Mapping[str, Any],
    letter: Letter,
    addresses: Iterable[str] = (),
    endpoints: Iterable[int] = (),
) -> Message | None:
    """Store a message and who gets it: subscribed endpoints (a trigger adds them) and those named.

    None when the event was told before; then nothing is written.
    """
    message, is_new = Message.objects.get_or_create(
        event_id=event_id,
        defaults={
            "type": type_,
            "data": dict(data),
            "subject": " ".join(letter.subject.split())[:300],
            "text": letter.text,
            "html": letter.html,
        },
    )
    if not is_new:
        return None
    send_to(message, addresses, endpoints)
    return message


def send_to(message: Message, addresses: Iterable[str], endpoints: Iterable[int]) -> None:
    """Add receivers to a message; those it has already stay one."""
    bound: dict[str, Any] = {
        "message": message.pk,
        "endpoints": sorted(set(endpoints)),
        "addresses": sorted(set(addresses)),
        "give_up": GIVE_UP_AFTER,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ADD, bound)


def tell_owner(owner: AbstractBaseUser | None, subject: str, text: str) -> None:
    """An e-mail to somebody in charge; nothing when nobody is, or has no address."""
    address = getattr(owner, "email", "")
    if address:
        letter = Letter(subject, text)
        post(f"notice:{uuid4()}", "notice", {"subject": subject}, letter, [address])


def test_send(endpoint: Endpoint) -> Delivery:
    """A message of type `test` to this endpoint alone, to be sent at once."""
    message = Message.objects.create(
        event_id=f"test:{uuid4()}", type="test", data={"endpoint": endpoint.name}
    )
    return Delivery.objects.create(
        message=message, endpoint=endpoint, give_up_at=Now() + timedelta(minutes=5)
    )


def replay(ids: Iterable[int]) -> int:
    """Send deliveries again, delivered or given up, with the same event id; how many."""
    return Delivery.objects.filter(pk__in=list(ids)).update(
        state=DeliveryState.WAITING,
        attempts_made=0,
        next_at=Now(),
        give_up_at=Now() + GIVE_UP_AFTER,
        error="",
    )
