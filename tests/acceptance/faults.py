"""What can go wrong around the portal, each as a context in which it is wrong.

Every fault names the text with which the system itself speaks of it, and where that stands.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import redis

from tests.acceptance.client import Client, Refused
from tests.acceptance.stack import ROOT, Stack, children

SLOW_CLIENTS = 40
GREEDY_READERS = 40
POISON = (
    ("application/json", b'{"type": "payment:settled", "data": {"paymentId": "p'),
    ("application/json", b"[" + b'{"type":"payment:received","data":{}},' * 10_001 + b"{}]"),
    ("application/x-ndjson", b"\xff\xfe\x00\x01\n" * 50),
    ("application/json", b'{"type": ' + b"[" * 5_000),
    ("text/plain", b"hello"),
)


@dataclass(frozen=True)
class Fault:
    """`inject` is wrong while it is entered; `log` and `words` are the system's own account."""

    name: str
    inject: Callable[[Stack], AbstractContextManager[None]]
    log: str
    words: str
    is_felt: bool = False  # /readyz must have said no at some moment
    lasts: bool = False  # it goes on while events come in, else it is over at once


@contextmanager
def killed(stack: Stack, *, part: str) -> Iterator[None]:
    """SIGKILL of a process and all it started; the launcher starts it again."""
    deadline = time.monotonic() + 60
    while stack.kill(part) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    yield


@contextmanager
def restarted(stack: Stack) -> Iterator[None]:
    """A fast shutdown of PostgreSQL, as an upgrade of its package does."""
    os.kill(stack.parts()["postgresql"], signal.SIGINT)
    yield


@contextmanager
def frozen(stack: Stack) -> Iterator[None]:
    """A worker that stands still, as on a machine that swaps, and goes on as if nothing were."""
    leader = stack.parts()["worker"]
    family = [leader, *children(leader)]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    while {state(pid) for pid in family} != {"T"}:
        time.sleep(0.01)
    stack.note("chaos", f"the worker's {len(family)} processes are in state T")
    try:
        yield
    finally:
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def state(pid: int) -> str:
    """The letter of a process' state, as the kernel tells it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _broker(stack: Stack) -> redis.Redis:
    where = urlsplit(stack.environment()["BROKER_URL"])
    return redis.Redis(unix_socket_path=where.path)


@contextmanager
def wiped(stack: Stack) -> Iterator[None]:
    """Everything the broker and cache held is gone: queues, counters, channels."""
    with _broker(stack) as broker:
        broker.flushall()
        calls = broker.info("commandstats")["cmdstat_flushall"]["calls"]
    stack.note("chaos", f"valkey says cmdstat_flushall:calls={calls}")
    yield


@contextmanager
def two_beats(stack: Stack) -> Iterator[None]:
    """A second scheduler, as after a careless deployment."""
    schedule = stack.data_dir / "second-beat"
    command = ["-m", "celery", "-A", "paygate_site", "beat", "--loglevel", "INFO", "--pidfile="]
    with (stack.data_dir / "logs" / "second-beat.log").open("ab") as log:
        beat = subprocess.Popen(
            [sys.executable, *command, "--schedule", str(schedule)],
            cwd=ROOT,
            env=stack.environment(),
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        beat.kill()
        beat.wait()


@contextmanager
def doubled_tasks(stack: Stack) -> Iterator[None]:
    """Every scheduled task five times at once, then whatever still waits is lost."""
    code = (
        "import django; django.setup()\n"
        "from django.conf import settings\n"
        "from paygate_site.celery import app\n"
        "names = [entry['task'] for entry in settings.CELERY_BEAT_SCHEDULE.values()]\n"
        "[app.send_task(name) for name in names * 5]\n"
        "print(f'sent {len(names) * 5} tasks, purged', app.control.purge())\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=stack.environment() | {"DJANGO_SETTINGS_MODULE": "paygate_site.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    stack.note("chaos", said.stdout.strip())
    yield


@contextmanager
def slow_clients(stack: Stack) -> Iterator[None]:
    """Connections that promise a body and send a byte of it a second."""
    end = threading.Event()
    threads = [
        threading.Thread(target=_dawdle, args=(stack, end), daemon=True)
        for _ in range(SLOW_CLIENTS)
    ]
    for thread in threads:
        thread.start()
    stack.note("chaos", f"{SLOW_CLIENTS} connections send a byte a second")
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join()


def _dawdle(stack: Stack, end: threading.Event) -> None:
    head = (
        "POST /api/v1/events/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n"
        f"Content-Type: application/json\r\nAuthorization: Bearer {stack.token}\r\n\r\n"
    )
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", stack.port)) as wire:
        wire.sendall(head.encode())
        while not end.wait(1):
            wire.sendall(b" ")


@contextmanager
def exhausted(stack: Stack) -> Iterator[None]:
    """Many more readers of costly reports than there are connections to the database."""
    end = threading.Event()
    answers: list[str] = []
    threads = [
        threading.Thread(target=_read, args=(stack, end, answers), daemon=True)
        for _ in range(GREEDY_READERS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join()
        stack.note("chaos", f"{GREEDY_READERS} readers got {len(answers)} answers or refusals")


def _read(stack: Stack, end: threading.Event, answers: list[str]) -> None:
    client = Client(stack.url, stack.token, patience=60)
    while not end.is_set():
        try:
            client.report("dashboard", {"window": "all"})
            answers.append("answer")
        except Refused as refusal:
            answers.append(str(refusal))


@contextmanager
def poisoned(stack: Stack) -> Iterator[None]:
    """Bodies that cannot be taken, beside the good ones."""
    said = []
    for content_type, body in POISON:
        try:
            Client(stack.url, stack.token).post(content_type, body)
            said.append("200")
        except Refused as refusal:
            said.append(str(refusal).partition(": ")[2][:40])
    stack.note("chaos", "poison was answered " + "; ".join(said))
    yield


@contextmanager
def full_disk(stack: Stack) -> Iterator[None]:
    """No byte left where PostgreSQL writes: only on a file system of the stack's own."""
    ballast = stack.data_dir / "ballast"
    try:
        with ballast.open("wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 65_536)
                file.flush()
        yield
    finally:
        ballast.unlink()


def can_mount() -> bool:
    """Whether this process may make a small file system of its own."""
    return os.geteuid() == 0 and shutil.which("mount") is not None


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[None]:
    """A file system of that size at a new directory; CalledProcessError when it is not allowed."""
    path.mkdir(parents=True)
    size = f"size={megabytes}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(path)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def _kill(part: str) -> Callable[[Stack], AbstractContextManager[None]]:
    return lambda stack: killed(stack, part=part)


FAULTS = (
    Fault("kill -9 of the web process", _kill("web"), "acceptance", "web stopped by itself"),
    Fault("kill -9 of the worker", _kill("worker"), "acceptance", "worker stopped by itself"),
    Fault("kill -9 of beat", _kill("beat"), "acceptance", "beat stopped by itself"),
    Fault("kill -9 of Valkey", _kill("valkey"), "acceptance", "valkey stopped by itself"),
    Fault(
        "kill -9 of PostgreSQL",
        _kill("postgresql"),
        "logs/postgres",
        "database system was not properly shut down",
        is_felt=True,
    ),
    Fault(
        "restart of PostgreSQL",
        restarted,
        "logs/postgres",
        "received fast shutdown request",
        is_felt=True,
    ),
    Fault(
        "no space left on the disk",
        full_disk,
        "logs/postgres",
        "No space left on device",
        lasts=True,
    ),
    Fault("Valkey wiped", wiped, "logs/chaos", "cmdstat_flushall"),
    Fault("two schedulers", two_beats, "logs/second-beat", "beat: Starting", lasts=True),
    Fault("tasks doubled and lost", doubled_tasks, "logs/chaos", "tasks, purged"),
    Fault("a worker frozen", frozen, "logs/chaos", "in state T", lasts=True),
    Fault("slow clients", slow_clients, "logs/chaos", "a byte a second", lasts=True),
    Fault("more readers than connections", exhausted, "logs/chaos", "readers got", lasts=True),
    Fault("poisoned bodies", poisoned, "logs/chaos", "poison was answered"),
)
