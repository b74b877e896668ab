"""How a gateway's webhook reaches the portal."""

from dataclasses import dataclass
from typing import Annotated

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import OMITTED, Count, IsoMs, Percent

COUNTS = """
with received as (
    select count(*) > 0 as configured,
        coalesce(sum(greatest(d.first_times, 1)), 0)::bigint as delivered,
        coalesce(sum(d.retry_times), 0)::bigint as retries
    from billing_webhookdelivery d
    where d.received_at <= %(as_of)s
      and (%(sources)s::bigint[] is null or d.source_id = any(%(sources)s::bigint[]))
), refused as (
    select count(*) as failed,
        count(*) filter (where r.status = 'open' or r.resolved_at > %(as_of)s) as waiting
    from billing_rejectedevent r
    join billing_source s on s.id = r.source_id and s.kind = 'paygate'
    where r.received_at <= %(as_of)s
      and (%(sources)s::bigint[] is null or r.source_id = any(%(sources)s::bigint[]))
)
select configured, delivered, retries, failed, waiting,
    case when delivered + failed = 0 then 100
         else gateway_round(delivered::float8 / (delivered + failed) * 10000) / 100 end
        as success_rate
from received, refused
"""


@dataclass(frozen=True)
class WebhookCounts:
    """What was received, and what of it was not understood."""

    configured: bool
    delivered: int
    retries: int
    failed: int
    waiting: int
    success_rate: Percent


@dataclass(frozen=True)
class WebhookHealthDelivery:
    """Deliveries as the portal saw them."""

    total_delivered: Count
    total_failed: Count
    total_retries: Count
    pending_retries: Count
    dead_letter_count: Count
    buffered_events: Count
    paused: bool
    paused_at: IsoMs | None
    success_rate: Percent


@dataclass(frozen=True)
class WebhookHealth:
    """The state of the webhook; without deliveries only that there is none."""

    configured: bool
    status: str
    delivery: Annotated[WebhookHealthDelivery | None, OMITTED]
    generated_at: IsoMs


@report(Family.GATEWAY)
def webhook_health(params: GatewayParams, snapshot: Snapshot) -> WebhookHealth:
    """Webhook health.

    The portal's own counts in the gateway's shape, since the gateway's counters do not leave it.
    totalDelivered: deliveries, those of one text counted as often as they came without the retry
    header, at least once; totalRetries: those that came with it. totalFailed: items of the
    source that went to quarantine; deadLetterCount: those of them still open, and the status is
    degraded while there are any, else healthy. successRate: percent delivered of delivered and
    failed, 100 without any. What waits inside the gateway cannot be seen from here:
    pendingRetries and bufferedEvents are 0 and paused is false. A source that never delivered
    has only configured false and the status not_configured.
    """
    counts = snapshot.one(WebhookCounts, COUNTS)
    if not counts.configured:
        return WebhookHealth(False, "not_configured", None, snapshot.as_of)
    status = "degraded" if counts.waiting else "healthy"
    return WebhookHealth(True, status, _delivery(counts), snapshot.as_of)


def _delivery(counts: WebhookCounts) -> WebhookHealthDelivery:
    return WebhookHealthDelivery(
        total_delivered=counts.delivered,
        total_failed=counts.failed,
        total_retries=counts.retries,
        pending_retries=0,
        dead_letter_count=counts.waiting,
        buffered_events=0,
        paused=False,
        paused_at=None,
        success_rate=counts.success_rate,
    )
