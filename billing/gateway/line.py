"""Reading from a gateway over HTTP: bounded in requests, bytes and time, and polite."""

import http.client
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from urllib.parse import urlencode, urlsplit

import msgspec

from billing.gateway.connect import opened
from billing.gateway.redact import redacted
from billing.models import Source

MOST_REQUESTS = 60  # of the gateway's usual 120 a minute; its other clients need some too
MOST_BYTES = 64 * 1024 * 1024
WAIT_SECONDS = 20.0
POLL_SECONDS = 150.0
LONGEST_HOLD_SECONDS = 600
USUAL_HOLD_SECONDS = 60
_PIECE = 1 << 16


class Trouble(Exception):
    """The gateway did not give what was asked for; the text says why, without secrets."""


class Unreachable(Trouble):
    """It did not answer, or not like a gateway."""


class Refused(Trouble):
    """It answered no."""

    def __init__(self, status: int, said: str) -> None:
        """The HTTP status and the gateway's own words."""
        super().__init__(f"{said} (HTTP {status})")
        self.status = status


class SlowDown(Trouble):
    """It wants to be left alone for `seconds`."""

    def __init__(self, seconds: int) -> None:
        """How long it asked for."""
        super().__init__(f"the gateway asks for a pause of {seconds} s")
        self.seconds = seconds


class TooLarge(Trouble):
    """The answer has more bytes than are read: ask for less."""


class Spent(Trouble):
    """The requests or the time of this poll are used up; the next one goes on."""


@dataclass(frozen=True)
class Answer:
    """A body, and when the gateway says it was made: to the second, by its own clock."""

    body: bytes
    at: datetime


class Line:
    """GET requests to one gateway in one poll. Its admin key is sent in a header only."""

    def __init__(self, source: Source, most_requests: int = MOST_REQUESTS) -> None:
        """`source` has an address and an admin key."""
        self._address = urlsplit(source.base_url)
        self._headers = {"X-Admin-Key": source.admin_key, "User-Agent": "paygate-portal"}
        self._end = monotonic() + POLL_SECONDS
        self._most = most_requests
        self.requests = 0

    def get(self, path: str, **query: str | int) -> Answer:
        """The answer to a GET. Raises one of the troubles above."""
        if self.requests >= self._most or monotonic() > self._end:
            raise Spent("the next poll goes on where this one stopped")
        self.requests += 1
        asked = self._address.path.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        try:
            connection = opened(self._address, WAIT_SECONDS)
            try:
                connection.request("GET", asked, headers=self._headers)
                response = connection.getresponse()
                return _understood(response, self._body(response))
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"no answer: {error or type(error).__name__}") from error
        except ValueError as error:  # what it quotes is the key
            raise Unreachable("the address or the admin key cannot be sent") from error

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while piece := response.read1(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > MOST_BYTES:
                raise TooLarge(f"the answer has more than {MOST_BYTES >> 20} MiB")
            if monotonic() > self._end:
                raise Spent("the answer took too long")
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        return b"".join(pieces)


def _understood(response: http.client.HTTPResponse, body: bytes) -> Answer:
    if response.status == http.client.TOO_MANY_REQUESTS:
        raise SlowDown(_pause(response.headers.get("Retry-After", "")))
    if 300 <= response.status < 400:
        raise Refused(response.status, "it sends elsewhere, which is not followed")
    if response.status != http.client.OK:
        raise Refused(response.status, _words(body))
    return Answer(body, _made_at(response.headers.get("Date", "")))


def _pause(said: str) -> int:
    seconds = int(said) if said.isascii() and said.isdigit() else USUAL_HOLD_SECONDS
    return max(1, min(seconds, LONGEST_HOLD_SECONDS))


def _made_at(said: str) -> datetime:
    try:
        return parsedate_to_datetime(said).astimezone(UTC)
    except (TypeError, ValueError):
        return datetime.now(UTC)


def _words(body: bytes) -> str:
    """The gateway's own message, without secrets."""
    try:
        said = msgspec.json.decode(body[:_PIECE], type=dict[str, object]).get("error")
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = None
    text = redacted(said) if isinstance(said, str) else "no further words"
    return str(text)[:300].replace("\0", " ")
