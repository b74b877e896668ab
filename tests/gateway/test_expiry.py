"""Expiry as callers write it: a key whose end cannot be read is kept, and never ends."""

import json
from datetime import UTC, datetime

import pytest

from billing.gateway import exports
from billing.models import ApiKey, RejectedEvent
from tests.gateway.conftest import gateway

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        ("2026-03-30T00:00:00Z", datetime(2026, 3, 30, tzinfo=UTC)),
        ("2026-03-30T02:00:00.000+02:00", datetime(2026, 3, 30, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 12, tzinfo=UTC)),
        ("9999-12-31T23:59:59-11:00", datetime(9999, 12, 31, 12, tzinfo=UTC)),
        ("March 30, 2026", None),
        ("never", None),
    ],
)
def test_a_key_is_kept_however_its_expiry_is_written(said: str, ends: datetime | None) -> None:
    key = {
        "keyPrefix": "pg_0123456...",
        "name": "k",
        "credits": 5,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "expiresAt": said,
    }
    exports.import_keys(
        gateway("g"), json.dumps({"keys": [key]}).encode(), datetime(2026, 2, 1, tzinfo=UTC)
    )
    kept = ApiKey.objects.get()
    assert (kept.expires_at, kept.expires_text) == (ends, said)
    assert not RejectedEvent.objects.exists()
