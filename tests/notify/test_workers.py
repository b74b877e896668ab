"""Several workers at once, over real connections."""

import threading

from django.db import connections

from notify.delivery import deliver_due
from tests.builders import paid, send
from tests.notify.conftest import Receiver, bodies, endpoint

AT = "2026-03-10T11:00:00Z"


def test_two_workers_never_send_the_same(committed_db: None, receiver: Receiver) -> None:
    endpoint(receiver, "payment.settled")
    send(paid(f"p{n}", AT) for n in range(60))
    barrier = threading.Barrier(3)

    def work() -> None:
        try:
            barrier.wait()
            deliver_due(60)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deliver_due(60)
    assert len({body["id"] for body in bodies(receiver)}) == len(receiver.requests) == 60
