"""A short mixed load against a real server process on the test database."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from analytics.rollups import fold_totals, roll_stale
from billing.models import AdminToken
from billing.models.tokens import Role
from billing.tokens import issue
from tests.acceptance.client import Client
from tests.acceptance.comparison import compare, table
from tests.acceptance.delivery import deliver
from tests.acceptance.malformed import IS_JSON, NOT_JSON
from tests.acceptance.questionnaire import questionnaire
from tests.acceptance.traffic import mixed
from tests.oracle.exact import parse
from tests.oracle.recompute import recompute

EVENTS = 3_000
EVERY_NTH_QUESTION = 3


@pytest.fixture
def token(committed_db: None) -> str:
    """May post and read."""
    return issue(AdminToken(name="acceptance", role=Role.VIEWER, can_ingest=True))


@pytest.fixture
def url(committed_db: None) -> Iterator[str]:
    """A web process on the test database."""
    database = f"/{connection.settings_dict['NAME']}"
    environment = os.environ | {
        "DATABASE_URL": urlsplit(settings.DATABASE_URL)._replace(path=database).geturl(),
        "PAYGATE_DB_POOL": "8",
    }
    command = ["-m", "uvicorn", "paygate_site.asgi:application", "--log-level", "warning"]
    with socket.create_server(("127.0.0.1", 0)) as listening:  # nobody else can take its port
        process = subprocess.Popen(
            [sys.executable, *command, "--fd", f"{listening.fileno()}"],
            env=environment,
            cwd=settings.BASE_DIR,
            pass_fds=[listening.fileno()],
        )
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            process.terminate()
            process.wait()


@pytest.mark.slow
def test_it_counts_every_event_and_reports_what_the_oracle_does(url: str, token: str) -> None:
    now_ms = int(time.time() * 1000)
    traffic = mixed(EVENTS, seed=5, now_ms=now_ms)
    done = deliver(traffic.lines, url, token, seed=5)
    assert dict(done.counts) == traffic.expected
    assert sum(traffic.expected.values()) == EVENTS

    ledger = recompute(parse(line) for line in traffic.valid)
    client = Client(url, token)
    asked = list(questionnaire(now_ms * 1000))
    live = compare(client, ledger, islice(asked, 0, None, EVERY_NTH_QUESTION))
    assert not any(tally.wrong for tally in live.values()), table(live)
    roll_stale()
    fold_totals()
    rolled = compare(client, ledger, islice(asked, 1, None, EVERY_NTH_QUESTION))
    assert not any(tally.wrong for tally in rolled.values()), table(rolled)


@pytest.mark.slow
def test_each_malformed_event_is_refused_and_spoils_no_other(url: str, token: str) -> None:
    good = b'{"type":"payment:verified","data":{"paymentId":"good","timestamp":1790000000000}}'
    broken = [*NOT_JSON, *IS_JSON]
    body = b"\n".join(part for line in broken for part in (line, good))
    answer = Client(url, token).post("application/x-ndjson", body)
    statuses = [result["status"] for result in answer["results"]]
    assert statuses[0::2] == ["rejected"] * len(broken)
    assert statuses[1::2] == ["accepted"] + ["duplicate"] * (len(broken) - 1)
