"""What the log says of requests and tasks, in both forms."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from celery import shared_task
from celery.contrib.testing.worker import start_worker
from django.test import Client

from paygate_site.celery import app
from paygate_site.logs import FORMATS, JSON, TEXT, configure

SECRET = "pg_0123456789abcdef"
logger = logging.getLogger("tests.logs")


class Log:
    """What the root logger writes, formatted as in production."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)

    def form(self, style: str) -> None:
        """Write in this form from now on."""
        line = configure(style, "INFO")["formatters"]["line"]
        self.handler.setFormatter(line["()"](line["style"]))

    def lines(self) -> list[dict[str, Any]]:
        """The objects of a JSON log."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    root = logging.getLogger()
    before = root.level
    root.addHandler(log.handler)
    root.setLevel(logging.INFO)
    yield log
    root.setLevel(before)
    for listened in (root, logger):
        listened.removeHandler(log.handler)


@shared_task
def speak() -> None:
    """A task that writes a line."""
    logger.info("spoken")


def test_a_request_is_one_line_with_the_id_its_caller_got(log: Log) -> None:
    log.form(JSON)
    answer = Client().get(f"/livez?token={SECRET}")
    (line,) = log.lines()
    assert (line["event"], line["request"], line["code"]) == ("request_finished", "GET /livez", 200)
    assert line["request_id"] == answer["X-Request-Id"]
    assert len(line["request_id"]) == 36


def test_requests_have_ids_of_their_own(log: Log) -> None:
    log.form(JSON)
    client = Client()
    ids = [client.get("/livez")["X-Request-Id"] for _ in range(3)]
    assert [line["request_id"] for line in log.lines()] == ids
    assert len(set(ids)) == 3


def test_a_scripts_request_keeps_the_id_it_was_given(db: None, log: Log) -> None:
    log.form(JSON)
    answer = Client().get("/admin/denials", headers={"X-Request-Id": "mine", "X-Admin-Key": "no"})
    assert (answer.status_code, answer["X-Request-Id"]) == (401, "mine")


def test_a_refusal_is_one_line(db: None, log: Log) -> None:
    log.form(JSON)
    Client().get("/api/v1/payments/")
    assert [(line["code"], line["level"]) for line in log.lines()] == [(401, "info")]


@pytest.mark.parametrize("style", FORMATS)
def test_a_path_cannot_forge_a_line(style: str, db: None, log: Log) -> None:
    log.form(style)
    Client().get("/livez%0a2026-01-01T00:00:00Z%20[error]%20forged")
    written = log.stream.getvalue().splitlines()
    assert any("forged" in line for line in written)
    assert not any(line.startswith("2026-01-01T00:00:00Z [error]") for line in written)


@pytest.mark.parametrize("style", FORMATS)
def test_a_traceback_shows_no_variables(style: str, log: Log) -> None:
    log.form(style)

    def fail(key: str) -> None:
        raise LookupError(f"a key of {len(key)} characters")

    try:
        fail("".join(SECRET))
    except LookupError:
        logger.exception("it failed")
    written = log.stream.getvalue()
    assert "a key of 19 characters" in written
    assert "in fail" in written
    assert SECRET not in written


def test_text_names_the_level_logger_and_id(log: Log) -> None:
    log.form(TEXT)
    answer = Client().get("/livez")
    (line,) = log.stream.getvalue().splitlines()
    assert "request_finished" in line
    assert f"request_id={answer['X-Request-Id']}" in line
    assert "[info" in line


def test_the_ids_of_a_request_and_its_task_meet(log: Log) -> None:
    log.form(JSON)
    with start_worker(app, perform_ping_check=False, loglevel="INFO", queues=["log-test"]):
        logger.addHandler(log.handler)  # a worker in this process has set up the root anew
        with structlog.contextvars.bound_contextvars(request_id="of-the-request"):
            asked = speak.apply_async(queue="log-test")
        wait_for(log, "spoken")
    (line,) = [line for line in log.lines() if line["event"] == "spoken"]
    assert (line["request_id"], line["task_id"]) == ("of-the-request", asked.id)


def wait_for(log: Log, event: str) -> None:
    """Until the line is written, for at most half a minute."""
    waiting = threading.Event()
    for _ in range(600):
        if f'"{event}"' in log.stream.getvalue():
            return
        waiting.wait(0.05)
    pytest.fail(f"no line {event} in {log.stream.getvalue()}")
