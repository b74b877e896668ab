"""Posts NDJSON to the portal's ingest door over kept connections, and shows how far it is."""

import http.client
import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

CONNECTIONS = 2
ATTEMPTS = 8
TIMEOUT_SECONDS = 60
BUSY = frozenset((429, 502, 503, 504))
OUTCOMES = ("accepted", "duplicate", "conflict", "rejected")


class DeliveryRefused(Exception):
    """The portal refused a request for good, or stayed unreachable; the text says why."""


@dataclass
class Door:
    """One kept connection to `POST /api/v1/events/`."""

    url: str
    token: str
    attempts: int = ATTEMPTS
    _connection: http.client.HTTPConnection | None = None

    def post(self, lines: list[bytes]) -> dict[str, int]:
        """Send one request until it is answered; returns the counts.

        Safe to repeat: what the portal has already stored counts as duplicate.
        Raises DeliveryRefused on a final refusal, or when every attempt failed.
        """
        reason = ""
        for attempt in range(self.attempts):
            time.sleep(min(attempt * 0.5, 3))
            try:
                status, body = self._exchange(b"\n".join(lines))
            except (OSError, http.client.HTTPException) as error:
                self._connection, reason = None, str(error) or type(error).__name__
                continue
            if status == http.client.OK:
                answer = json.loads(body)
                return {outcome: answer[outcome] for outcome in OUTCOMES}
            reason = f"{status} {body.decode(errors='replace')[:300]}"
            if status not in BUSY:
                break
        raise DeliveryRefused(f"{self.url} did not take the events: {reason}")

    def _exchange(self, body: bytes) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = connect(self.url)
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/x-ndjson",
        }
        self._connection.request("POST", "/api/v1/events/", body, headers)
        response = self._connection.getresponse()
        return response.status, response.read()


def connect(url: str) -> http.client.HTTPConnection:
    """A connection to the portal at `url` (scheme, host and port)."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.netloc, timeout=TIMEOUT_SECONDS)


@dataclass
class Progress:
    """What was sent and what became of it; draws a bar on standard error."""

    expected: int
    label: str = "demo"
    sent: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    began: float = field(default_factory=time.monotonic)
    _drawn: int = -1

    def add(self, size: int, counts: dict[str, int]) -> None:
        """Count one answered request."""
        self.sent += size
        for outcome, count in counts.items():
            self.counts[outcome] += count
        self._draw(min(99, 100 * self.sent // max(1, self.expected)))

    def finish(self) -> None:
        """Draw the full bar and the counts."""
        self._draw(100)
        counted = ", ".join(f"{count} {outcome}" for outcome, count in self.counts.items())
        seconds = time.monotonic() - self.began
        sys.stderr.write(f"\n{self.label}: {self.sent} events in {seconds:.0f} s: {counted}\n")
        sys.stderr.flush()

    def _draw(self, percent: int) -> None:
        step = 1 if sys.stderr.isatty() else 10
        if percent // step == self._drawn // step:
            return
        self._drawn = percent
        rate = self.sent / max(0.001, time.monotonic() - self.began)
        bar = "#" * (percent * 30 // 100)
        begin, end = ("\r", "") if sys.stderr.isatty() else ("", "\n")
        text = f"{self.label} [{bar:<30}] {percent:3d}% {self.sent} events, {rate:.0f}/s"
        sys.stderr.write(f"{begin}{text}{end}")
        sys.stderr.flush()


@dataclass
class Sending:
    """Requests shared by several connections; the first refusal stops them all."""

    requests: Iterator[list[bytes]]
    progress: Progress
    refusal: DeliveryRefused | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, url: str, token: str, connections: int = CONNECTIONS) -> None:
        """Send everything; raises DeliveryRefused when the portal would not take it."""
        threads = [
            threading.Thread(target=self._send, args=(Door(url, token),), daemon=True)
            for _ in range(connections)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.refusal:
            raise self.refusal

    def _send(self, door: Door) -> None:
        while lines := self._next():
            try:
                counts = door.post(lines)
            except DeliveryRefused as refusal:
                self.refusal = refusal
                return
            with self._lock:
                self.progress.add(len(lines), counts)

    def _next(self) -> list[bytes] | None:
        with self._lock:
            return None if self.refusal else next(self.requests, None)
