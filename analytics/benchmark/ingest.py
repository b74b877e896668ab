"""Ingest over HTTP beside bare COPY of the same events into one table with the same unique key."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from typing import NamedTuple

import psycopg
from django.conf import settings

from analytics.benchmark.results import Measurement
from billing.demo.delivery import BATCH_SIZE, history
from billing.demo.sender import Progress, Sending
from billing.models import AdminToken
from billing.tokens import issue

CONNECTIONS = (1, 2, 4)
DAYS = 90
START_SECONDS = 60

BARE = """
create table {name} (
    id bigint generated always as identity primary key,
    source_id bigint not null, event_id text collate "C" not null, type text not null,
    body text not null, unique (source_id, event_id))
"""


class Row(NamedTuple):
    """An event as the bare table takes it."""

    source: int
    event_id: str
    type: str
    body: str


def measure_ingest(url: str, payments: int) -> Measurement:
    """Send equal loads with 1, 2 and 4 connections both ways; the best of each is compared."""
    loads = [load(number, payments) for number in range(len(CONNECTIONS))]
    rates = [_copy_rate(url, n, lines) for n, lines in zip(CONNECTIONS, loads, strict=True)]
    token = issue(AdminToken(name="benchmark", can_ingest=True))
    with portal(url) as address:
        ours = [
            _ingest_rate(address, token, n, lines)
            for n, lines in zip(CONNECTIONS, loads, strict=True)
        ]
    peer, best = max(rates), max(ours)
    rows = len(loads[0])
    return Measurement(
        name="ingest over HTTP",
        rows=sum(map(len, loads)),
        peer="bare COPY",
        peer_seconds=rows / peer,
        our_seconds=rows / best,
        ratio=best / peer,
        reading=f"{best:,.0f} events/s of {peer:,.0f}",
    )


def load(number: int, payments: int) -> list[bytes]:
    """The distinct, well-formed events of the demo, each load in 90 days of its own."""
    now = datetime.now(UTC) - timedelta(days=number * (DAYS + 1))
    lines: dict[str, bytes] = {}
    for request in history(seed=1, days=DAYS, payments=payments, now=now):
        for line in request:
            if b'"id":"' in line[:8]:
                lines.setdefault(json.loads(line)["id"], line)
    return list(lines.values())


def _copy_rate(url: str, connections: int, lines: Sequence[bytes]) -> float:
    """Events a second by COPY, each connection its share."""
    name = f"bare_copy_{connections}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(BARE.format(name=name))
    rows = [_row(line) for line in lines]
    shares = [rows[n::connections] for n in range(connections)]
    threads = [threading.Thread(target=_copy, args=(url, name, share)) for share in shares]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(lines) / (time.perf_counter() - began)


def _row(line: bytes) -> Row:
    event = json.loads(line)
    return Row(1, event["id"], event["type"], line.decode())


def _copy(url: str, name: str, rows: Sequence[Row]) -> None:
    statement = f"copy {name} (source_id, event_id, type, body) from stdin"
    with (
        psycopg.connect(url) as connection,
        connection.cursor() as cursor,
        cursor.copy(statement.encode()) as copy,
    ):
        for row in rows:
            copy.write_row(row)


def _ingest_rate(address: str, token: str, connections: int, lines: Sequence[bytes]) -> float:
    """Events a second through the portal's door."""
    starts = range(0, len(lines), BATCH_SIZE)
    requests = (list(lines[start : start + BATCH_SIZE]) for start in starts)
    progress = Progress(expected=len(lines), label=f"ingest, {connections} connections")
    began = time.perf_counter()
    Sending(requests, progress).run(address, token, connections)
    seconds = time.perf_counter() - began
    if progress.counts["accepted"] != len(lines):
        raise AssertionError(f"{len(lines)} new events were sent: {progress.counts}")
    return len(lines) / seconds


@contextmanager
def portal(url: str) -> Iterator[str]:
    """A web process of the portal on this database; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["-m", "uvicorn", "paygate_site.asgi:application", "--host", "127.0.0.1"]
    process = subprocess.Popen(
        [sys.executable, *command, "--port", f"{port}", "--log-level", "warning"],
        env=os.environ | {"DATABASE_URL": url, "PAYGATE_DB_POOL": "8"},
        cwd=settings.BASE_DIR,
    )
    try:
        _await(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _await(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/livez")
            if connection.getresponse().status == 200:
                return
        except (OSError, HTTPException):
            time.sleep(0.1)
        finally:
            connection.close()
    raise RuntimeError("the portal's web process did not start")
