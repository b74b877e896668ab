"""Several workers at once, over real connections."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import time, timedelta

from django.db import connections
from django.utils import timezone

from notify.delivery import deliver_due
from notify.evaluate import evaluate
from notify.models import Alert, AlertRule, Message, ReportSchedule
from notify.reporting import send_due
from tests.builders import paid, send
from tests.notify.conftest import Receiver, bodies, endpoint

AT = "2026-03-10T11:00:00Z"
WORKERS = 3


def together(work: Callable[[], object]) -> None:
    """Three workers, each with a connection of its own, beginning at once; none may fail."""
    barrier = threading.Barrier(WORKERS)

    def one() -> None:
        try:
            barrier.wait()
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(WORKERS) as threads:
        for running in [threads.submit(one) for _ in range(WORKERS)]:
            running.result()


def test_two_workers_never_send_the_same(committed_db: None, receiver: Receiver) -> None:
    endpoint(receiver, "payment.settled")
    send(paid(f"p{n}", AT) for n in range(60))
    together(lambda: deliver_due(60))
    deliver_due(60)
    assert len({body["id"] for body in bodies(receiver)}) == len(receiver.requests) == 60


def test_two_evaluations_at_once_fire_once(committed_db: None, receiver: Receiver) -> None:
    endpoint(receiver, "alert.firing", "alert.resolved")
    rule = AlertRule.objects.create(
        name="r",
        family="payments",
        report="realtime",
        figure="pendingSettlements",
        comparison="gte",
        threshold=0,
    )
    for _ in range(5):
        together(lambda: evaluate(rule))
    assert Alert.objects.get().state == "firing"
    deliver_due(60)
    (body,) = bodies(receiver)
    assert body["data"]["rule"] == "r"


def test_two_workers_never_send_a_report_twice(committed_db: None) -> None:
    row = ReportSchedule(name="r", family="payments", report="revenue-breakdown", at=time(0))
    row.told_until = timezone.now().date() - timedelta(days=4)
    row.save()
    counts: list[int] = []
    together(lambda: counts.append(send_due()))
    send_due()
    assert Message.objects.filter(type="report.ready").count() == 4
    assert sum(counts) <= 4
