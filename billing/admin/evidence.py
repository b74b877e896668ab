"""What a payment rests on: its events as received, its revenue records, its batches."""

from dataclasses import dataclass
from typing import Any

import msgspec
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.admin import figures
from billing.models import BatchPayment, Event, Payment, RevenueRecord

EVENTS_SHOWN = 50


@dataclass(frozen=True)
class RecordShown:
    """A revenue record with its figures written out."""

    row: RevenueRecord
    time: str
    usd: str


@dataclass(frozen=True)
class ShareShown:
    """A batch's naming of the payment with its figures written out."""

    row: BatchPayment
    time: str
    gas: str


@dataclass(frozen=True)
class Evidence:
    """Rows behind one payment, each event with its body indented for reading.

    `has_more_events`: there are more than the page shows.
    """

    events: list[tuple[Event, str]]
    has_more_events: bool
    revenue: list[RecordShown]
    batches: list[ShareShown]


def payment_evidence(payment: Payment) -> Evidence:
    """Three queries, each on the (source, payment id) index; events in order of arrival."""
    of_payment: dict[str, Any] = {
        "source_id": payment.source_id,
        "payment_id": payment.payment_id,
    }
    events = list(Event.objects.filter(**of_payment).order_by("id")[: EVENTS_SHOWN + 1])
    records = RevenueRecord.objects.filter(**of_payment).order_by("at", "id")
    shares = BatchPayment.objects.filter(**of_payment).select_related("batch__network")
    return Evidence(
        events=[(event, pretty(event.body)) for event in events[:EVENTS_SHOWN]],
        has_more_events=len(events) > EVENTS_SHOWN,
        revenue=[_record(record) for record in records],
        batches=[_share(share) for share in shares.order_by("id")],
    )


def _record(record: RevenueRecord) -> RecordShown:
    value = figures.priced(record.amount, record.amount_usd)
    return RecordShown(record, figures.moment(record.at), value)


def _share(share: BatchPayment) -> ShareShown:
    network = share.batch.network
    gas = figures.native(share.gas_share, network.native_symbol, network.native_decimals)
    return ShareShown(share, figures.moment(share.batch.settled_at), gas)


def pretty(body: str) -> str:
    """JSON indented, its tokens untouched; text that is not JSON as it is."""
    try:
        return msgspec.json.format(body, indent=2)
    except msgspec.DecodeError:
        return body


def raw_json(body: str) -> SafeString:
    """A body as received, indented for reading and escaped."""
    return format_html('<pre class="pg-json">{}</pre>', pretty(body))
