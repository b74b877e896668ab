"""A producer's and a reader's HTTP, from the standard library."""

import http.client
import json
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

TIMEOUT_SECONDS = 120
TRY_AGAIN = frozenset((429, 500, 502, 503, 504))


class Refused(Exception):
    """The portal's final answer was no, or none came in time."""


@dataclass
class Client:
    """One connection; `patience` is for how many seconds a request is tried again."""

    url: str
    token: str
    patience: float = 30
    repeats: int = 0
    _connection: http.client.HTTPConnection | None = None

    def post(self, content_type: str, body: bytes) -> dict[str, Any]:
        """Deliver events; a lost answer is asked for again, as producers do."""
        answer: dict[str, Any] = self._ask("POST", "/api/v1/events/", body, content_type)
        return answer

    def report(self, slug: str, params: dict[str, str]) -> Any:
        """One report's answer, its numbers as decimals."""
        return self.get(f"/api/v1/analytics/{slug}/", params)

    def get(self, path: str, params: dict[str, str] | None = None) -> Any:
        """A resource's JSON."""
        query = "?" + urlencode(params) if params else ""
        return self._ask("GET", path + query, None, "application/json")

    def _ask(self, method: str, path: str, body: bytes | None, content_type: str) -> Any:
        deadline = time.monotonic() + self.patience
        while True:
            try:
                status, text = self._exchange(method, path, body, content_type)
            except (OSError, http.client.HTTPException) as error:
                self._connection = None
                status, text = 503, f"{type(error).__name__} {error}".encode()
            if status == http.client.OK:
                return json.loads(text, parse_float=Decimal)
            if status not in TRY_AGAIN or time.monotonic() > deadline:
                raise Refused(f"{method} {path}: {status} {text[:500]!r}")
            self.repeats += 1
            time.sleep(0.2)

    def _exchange(
        self, method: str, path: str, body: bytes | None, content_type: str
    ) -> tuple[int, bytes]:
        if self._connection is None:
            netloc = urlsplit(self.url).netloc
            self._connection = http.client.HTTPConnection(netloc, timeout=TIMEOUT_SECONDS)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        return response.status, response.read()
