"""The report webhook-health: what the portal saw of a gateway's webhook."""

from datetime import UTC, datetime

import pytest

from billing.ingest.door import quarantine
from billing.models import RejectedEvent, WebhookDelivery
from tests.gateway.conftest import NOW
from tests.gateway.small import ask, small_gateway

pytestmark = pytest.mark.django_db

LATER = datetime(2100, 1, 1, tzinfo=UTC).isoformat()


def test_a_source_that_never_delivered_has_no_webhook() -> None:
    small_gateway()
    assert ask("webhook-health") == {
        "configured": False,
        "status": "not_configured",
        "generatedAt": "2026-02-16T12:00:00.000Z",
    }


def test_deliveries_retries_and_quarantine_are_counted() -> None:
    source = small_gateway()
    for n, (first, again) in enumerate([(1, 0), (2, 1), (0, 3)]):
        WebhookDelivery.objects.create(
            source=source,
            text_hash=bytes([n]),
            body="{}",
            first_times=first,
            retry_times=again,
            received_at=NOW,
        )
    quarantine(source, b"{", "bad_json", "cut off")
    quarantine(source, b"[", "bad_json", "cut off")
    RejectedEvent.objects.filter(body=b"[").update(status="replayed", resolved_at=NOW)
    assert ask("webhook-health", as_of=LATER) == {
        "configured": True,
        "status": "degraded",
        "delivery": {
            "totalDelivered": 4,
            "totalFailed": 2,
            "totalRetries": 4,
            "pendingRetries": 0,
            "deadLetterCount": 1,
            "bufferedEvents": 0,
            "paused": False,
            "pausedAt": None,
            "successRate": 66.67,
        },
        "generatedAt": "2100-01-01T00:00:00.000Z",
    }
    RejectedEvent.objects.all().update(status="dismissed", resolved_at=NOW)
    assert ask("webhook-health", as_of=LATER)["status"] == "healthy"
