"""Whatever is thrown at the receiver and the import: an answer, nothing lost, no secret kept."""

import json
import logging
import random
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.models import GatewayEvent, RejectedEvent, Source, UsageEvent, WebhookDelivery
from tests.gateway.conftest import gateway, import_golden, recorded
from tests.gateway.hook import DELIVERIES, SECRET, call, created, deliver, happened

pytestmark = pytest.mark.django_db

HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(10**40), max_value=10**40),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(
        [
            *("", "\0", "<img src=x>", "__proto__", "7", "2026-13-01", "9999-12-31", "***", "..."),
            *("2", "pg_aaaa...0001", "x" * 5000, "\u202e", "pg_aaaa111"),
        ]
    ),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)
USAGE = st.dictionaries(
    st.sampled_from([*call(), "denyReason", "more"]), HOSTILE, min_size=1, max_size=3
).map(lambda changes: call(**changes) if "timestamp" not in changes else call() | changes)
CHANGES = ("created", "cloned", "rotated", "topup", "auto_topped_up", "credits_transferred")
STATES = ("suspended", "resumed", "revoked", "expiry_warning")
MASKS = ("keyMasked", "sourceKeyMasked", "newKeyMasked", "oldKeyMasked", "fromKeyMasked")
FIGURES = ("toKeyMasked", "name", "credits", "creditsAdded", "expiresAt", "namespace", "event")
ADMIN = st.builds(
    lambda kind, metadata: happened(f"key.{kind}") | {"metadata": metadata},
    st.sampled_from(CHANGES + STATES),
    st.dictionaries(st.sampled_from(MASKS + FIGURES), HOSTILE, max_size=6),
)
EXAMPLES = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def source() -> Source:
    """A gateway with a secret and a key."""
    found = gateway("gw")
    found.signing_secret = SECRET
    found.save()
    deliver({"adminEvents": [created()]})
    return found


def stored() -> int:
    """How many items are somewhere."""
    calls, events = UsageEvent.objects.count(), sum(e.times for e in GatewayEvent.objects.all())
    return calls + events + sum(r.times_seen for r in RejectedEvent.objects.all())


@EXAMPLES
@given(usage=st.lists(USAGE, max_size=4), admin=st.lists(ADMIN, max_size=4))
def test_every_item_is_stored_or_quarantined(
    source: Source, usage: list[Any], admin: list[Any]
) -> None:
    before = stored()
    answer = deliver({"events": usage, "adminEvents": admin})
    assert answer.status_code == 200
    assert sum(answer.json().values()) == len(usage) + len(admin)
    assert stored() == before + len(usage) + len(admin)


@EXAMPLES
@given(raw=st.binary(max_size=200), at=st.integers(0, 200), cut=st.integers(0, 40))
def test_damaged_deliveries_are_kept(source: Source, raw: bytes, at: int, cut: int) -> None:
    whole = json.dumps({"events": [call()], "adminEvents": [created("pg_bbbb...0002")]}).encode()
    answer = deliver(whole[:at] + raw + whole[at + cut :])
    assert answer.status_code == 200
    taken = answer.json()
    assert sum(taken.values()) >= 1 or WebhookDelivery.objects.filter(usage_events=0).exists()


@pytest.mark.parametrize("size", [100_000, 4_000_000])
def test_long_texts_are_kept(source: Source, size: int) -> None:
    for item in (call(tool="x" * size), call(keyName="pg_" * (size // 3)), call(apiKey="y" * size)):
        answer = deliver({"events": [item, call()]})
        assert (answer.status_code, sum(answer.json().values())) == (200, 2)


# --- secrets ----------------------------------------------------------------------------------


def secrets() -> list[str]:
    """Every secret of the recorded gateway."""
    keys = [key["key"] for key in json.loads(recorded("backup.json"))["data"]["keys"]]
    assert len(keys) == 72
    return [*keys, SECRET, "FAKE-admin-key-scenario-a"]


def tables_with(texts: list[str]) -> list[str]:
    """The tables that have one of the texts in any column, also as bytes."""
    patterns = [f"%{text}%" for text in texts] + [f"%{text.encode().hex()}%" for text in texts]
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            statement = f'select exists (select from "{table}" t where t::text like any(%s))'  # noqa: S608 - a name of the catalog
            cursor.execute(statement, [patterns])
            found += [table] if cursor.fetchone() == (True,) else []
    return found


def test_no_secret_of_the_recorded_gateway_is_kept_or_logged(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    known = secrets()
    with caplog.at_level(logging.DEBUG):
        for delivery in random.Random(3).sample(DELIVERIES, 60):
            deliver(delivery["body"].encode())
        import_golden(source, recorded)
        for secret in known[:72]:
            leaks = call(tool=f"try {secret}", keyName=secret, apiKey=secret)
            deliver(
                {"events": [leaks, leaks | {"allowed": "no"}], "adminEvents": [created(secret)]}
            )
            deliver(b'{"events":[{"tool":"' + secret.encode() + b'"}')
        deliver(b"{}", secret=known[0])
    assert tables_with(known) == []
    assert not [line for line in caplog.messages if any(secret in line for secret in known)]
    assert tables_with(["pg_9500"]) != []
