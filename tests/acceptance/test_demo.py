"""The demo's history: reproducible, ending now, and taken in by the portal."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analytics.registry import find_report
from billing.demo.delivery import history, malformed
from billing.demo.live import second_events
from billing.ingest import receive
from billing.models import Payment, RejectedEvent, Source

NOW = datetime(2026, 9, 30, 15, 30, tzinfo=UTC)


def sent(now: datetime = NOW, days: int = 30, payments: int = 600) -> list[bytes]:
    requests = history(seed=7, days=days, payments=payments, now=now)
    return [line for request in requests for line in request]


def by_id(lines: list[bytes]) -> dict[str, Any]:
    broken = set(malformed(7))
    events = [json.loads(line) for line in lines if line not in broken]
    return {event["id"]: event for event in events}


def test_it_sends_the_same_events_again_on_a_second_run() -> None:
    assert sent() == sent()


def test_a_run_on_the_next_day_repeats_the_days_before_and_contradicts_nothing() -> None:
    today, tomorrow = by_id(sent()), by_id(sent(NOW + timedelta(days=1)))
    common = today.keys() & tomorrow.keys()
    assert len(common) > 0.85 * len(today)
    assert all(today[name] == tomorrow[name] for name in common)


def test_nothing_is_later_than_now_and_the_newest_days_come_first() -> None:
    lines = sent(days=90, payments=2000)
    stamps = [event["data"]["timestamp"] for event in by_id(lines).values()]
    now_ms = NOW.timestamp() * 1000
    assert max(stamps) <= now_ms
    assert max(stamps) > now_ms - 6 * 3_600_000
    first, last = by_id(lines[:400]), by_id(lines[-400:-100])
    assert min(e["data"]["timestamp"] for e in first.values()) > max(
        e["data"]["timestamp"] for e in list(last.values())[:50]
    )


@pytest.mark.django_db
def test_the_portal_takes_it_in_and_doubles_nothing() -> None:
    source = Source.objects.get(slug="default")
    lines = sent()
    first = receive(lines, source)
    assert first.accepted == len(by_id(lines))
    assert first.rejected == len(malformed(7)) == RejectedEvent.objects.count()
    assert first.conflict == 0
    payments = Payment.objects.count()

    again = receive(lines, source)
    assert (again.accepted, again.conflict) == (0, 0)
    assert Payment.objects.count() == payments


@pytest.mark.django_db
def test_it_looks_like_a_business() -> None:
    receive(sent(), Source.objects.get(slug="default"))
    query = {"window": "30d", "as_of": NOW.isoformat()}
    figures = find_report("payments").answer(query).data
    assert 0.85 < figures["successfulPayments"] / figures["totalPayments"] < 0.99
    chains = [row["chainName"] for row in find_report("networks").answer(query).data]
    assert chains[0] == "Base"
    assert set(chains) >= {"Base", "Solana", "Polygon", "Arbitrum"}
    book = find_report("revenue-breakdown").answer(query).data
    assert all(float(book[kind]) > 0 for kind in ("facilitatorFees", "gasSponsorship"))
    assert len(find_report("failures").answer(query).data) > 3


def test_a_second_of_the_live_stream_is_always_the_same() -> None:
    second = int(NOW.timestamp())
    assert second_events(7, second, 1.0) == second_events(7, second, 1.0)
    assert sum(len(second_events(7, second + n, 1.0)) for n in range(60)) > 120
    assert all(at >= second * 1000 for at, _ in second_events(7, second, 2.5))
