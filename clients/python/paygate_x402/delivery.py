"""Brings waiting events to the portal, in order, however long it is away."""

import http.client
import json
import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence

from paygate_x402.outbox import Outbox

BATCH = 500
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
TIMEOUT_SECONDS = 15.0
# The portal read the request and can never take it as it is.
NEVER = {400, 413, 415, 422}
log = logging.getLogger("paygate_x402")


class Refused(Exception):
    """The portal did not take a request; `status` 0 when it did not answer."""

    def __init__(self, status: int, why: str, retry_after: float = 0.0) -> None:
        """Seconds of `retry_after` are what the portal asked to wait."""
        super().__init__(f"{status or 'no answer'}: {why}")
        self.status, self.retry_after = status, retry_after


class Delivery(threading.Thread):
    """A thread that posts what waits in an outbox."""

    def __init__(self, outbox: Outbox, url: str, token: str) -> None:
        """Post to the events door of the portal at `url`; ValueError unless it is http(s)."""
        super().__init__(name="paygate-delivery", daemon=True)
        if not url.startswith(("http://", "https://")):
            raise ValueError("the portal's address begins with http:// or https://")
        self._outbox, self._token = outbox, token
        self._url = url.rstrip("/") + "/api/v1/events/"
        self._wake, self._end = threading.Event(), threading.Event()
        self._most = BATCH
        self.sent = 0
        self.last_error = ""

    def nudge(self) -> None:
        """Something waits."""
        self._wake.set()

    def run(self) -> None:
        """Until stopped: send, and pause longer after each failure in a row."""
        pause = FIRST_PAUSE
        while not self._end.is_set():
            try:
                is_empty = not self._step()
            except Exception as error:  # noqa: BLE001 - ended, it would leave everything waiting
                self._note(error)
                asked = error.retry_after if isinstance(error, Refused) else 0.0
                self._end.wait(max(pause, min(asked, LONGEST_PAUSE)))
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            pause = FIRST_PAUSE
            if is_empty:
                self._wake.wait(1.0)
                self._wake.clear()

    def stop(self, seconds: float) -> None:
        """End after the request that is under way, waiting at most so long."""
        self._end.set()
        self._wake.set()
        self.join(seconds)

    def _step(self) -> bool:
        """Send one batch; False when there is none."""
        batch = self._outbox.oldest(self._most)
        if not batch:
            return False
        try:
            self._post([body for _, body in batch])
        except Refused as refusal:
            if refusal.status not in NEVER:
                raise
            self._narrow(batch, str(refusal))
            return True
        self._outbox.done([place for place, _ in batch])
        self.sent += len(batch)
        self._most, self.last_error = BATCH, ""
        return True

    def _narrow(self, batch: list[tuple[int, str]], why: str) -> None:
        """Find the one event that the portal cannot take, and set it aside."""
        if len(batch) == 1:
            self._outbox.refuse(*batch[0], why)
            log.error("the portal refused an event for good: %s", why)
        self._most = max(1, len(batch) // 2)

    def _post(self, bodies: Sequence[str]) -> None:
        request = urllib.request.Request(  # noqa: S310 - the address is checked at the start
            self._url,
            data=("[" + ",".join(bodies) + "]").encode(),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                "User-Agent": "paygate-x402",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                json.load(answer)  # a proxy's page with status 200 is no receipt
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.reason, _seconds(error)) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Refused(0, str(error)) from error

    def _note(self, error: Exception) -> None:
        if str(error) != self.last_error:
            expected = isinstance(error, Refused)
            log.warning("events wait for the portal: %s", error, exc_info=not expected)
        self.last_error = str(error)


def _seconds(error: urllib.error.HTTPError) -> float:
    given = error.headers.get("Retry-After", "")
    return float(given) if given.isascii() and given.isdigit() else 0.0
