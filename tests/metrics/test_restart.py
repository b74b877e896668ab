"""Figures outlive the process that showed them."""

import os
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from tests.ingest.events import event, post, received, settled

SCRAPE = """
import django
django.setup()
from django.test import Client
print(Client().get("/metrics", SERVER_NAME="localhost").content.decode())
"""


@pytest.fixture(autouse=True)
def _counters(committed_db: None) -> None:
    """Other processes see only what is committed."""


def facilitator_lines() -> list[str]:
    """What a process of its own shows of the facilitator."""
    database = f"/{connection.settings_dict['NAME']}"
    url = urlsplit(settings.DATABASE_URL)._replace(path=database).geturl()
    done = subprocess.run(
        [sys.executable, "-c", SCRAPE],
        env=os.environ | {"DATABASE_URL": url},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    return [line for line in done.stdout.splitlines() if line.startswith("facilitator")]


def test_values_survive_a_restart() -> None:
    post(received("p"), settled("p", settlementTime=700, gasUsed=60000), received("q"))
    before = facilitator_lines()
    network = '{network="eip155:8453"}'
    assert f"facilitator_volume_usd{network} 10" in before
    assert f"facilitator_pending_payments{network} 1" in before
    assert facilitator_lines() == before
    post(event("payment:reversed", "p", 9000))
    assert facilitator_lines() == before
