"""A writer that had to wait sees what the one before it wrote, not what there was before."""

import threading
import time
from typing import Any

import pytest
from django.db import connection, transaction

from billing.models import SettlementBatch
from tests.ingest.events import event, payment, post, received, settled

pytestmark = pytest.mark.usefixtures("committed_db")
WAITING = """
select count(*) from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid))
"""


def post_while(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Post `second` while `first` is stored but not committed, so that it has to wait."""
    failures: list[BaseException] = []

    def follow() -> None:
        try:
            post(second)
        except BaseException as error:  # noqa: BLE001 - carried to the asserting thread
            failures.append(error)
        finally:
            connection.close()

    follower = threading.Thread(target=follow)
    with transaction.atomic():
        post(first)
        follower.start()
        _wait_for_the_follower()
    follower.join()
    assert failures == []


def _wait_for_the_follower() -> None:
    for _ in range(6000):  # a minute, for a slow machine
        with connection.cursor() as cursor:
            cursor.execute(WAITING)
            if cursor.fetchone() != (0,):
                return
        time.sleep(0.01)
    pytest.fail("the second writer did not wait")


def test_a_network_that_the_first_creates() -> None:
    post_while(received("p", network="eip155:987654"), settled("p"))
    assert (payment("p").status, payment("p").network_id) == ("settled", "eip155:987654")


def test_the_networks_of_a_batch_that_names_none() -> None:
    post(event("batch:settled", batchId="b", gasUsed=7, paymentIds=["p", "q"]))
    post_while(received("p", network="polygon"), received("q", network="base"))
    assert SettlementBatch.objects.get().network_id == "eip155:137"  # the first by its id


def test_the_gas_of_two_batches_of_one_payment() -> None:
    gas: dict[str, Any] = {"effectiveGasPrice": 1, "network": "base"}
    post(received("p"), event("batch:settled", batchId="b", gasUsed=5, paymentIds=["p"], **gas))
    post_while(
        event("batch:settled", batchId="c", gasUsed=7, paymentIds=["p"], **gas),
        event("batch:settled", at=-5, batchId="b", gasUsed=5, paymentIds=["q"], **gas),
    )
    assert payment("p").gas_cost == 7
