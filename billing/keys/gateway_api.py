"""A gateway's own API, as an admin of it: one request at a time, and what can be known of it."""

import http.client
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from billing.gateway.connect import Forbidden, opened
from billing.gateway.redact import redacted
from billing.models import Source

TIMEOUT_S = 20
MOST_BYTES = 64 * 1024 * 1024
LONGEST_MESSAGE = 500
NOT_NOW = (429, 503)  # the gateway says itself that it did nothing
_decoder = msgspec.json.Decoder(float_hook=Decimal)


class NotSent(Exception):
    """Nothing reached the gateway, or it would not look at it now."""


class NoAnswer(Exception):
    """The request may have been carried out, or not."""


class Refusal(Exception):
    """The gateway said no; the message is its own."""


class GatewayApi:
    """Requests to one gateway. The admin key is in a header only, keys are in bodies only."""

    def __init__(self, source: Source) -> None:
        """`source` has an address and an admin key."""
        self._address = urlsplit(source.base_url)
        self._admin_key = source.admin_key

    def get(self, path: str, **query: int) -> Mapping[str, Any]:
        """A GET; NoAnswer is as good as NotSent here. Raises Refusal too."""
        return self._ask("GET", f"{path}?{urlencode(query)}", None)

    def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """A POST of JSON. Raises NotSent, NoAnswer or Refusal."""
        return self._ask("POST", path, msgspec.json.encode(body))

    def _ask(self, method: str, path: str, body: bytes | None) -> Mapping[str, Any]:
        connection = self._connected()
        headers = {"X-Admin-Key": self._admin_key, "Content-Type": "application/json"}
        try:
            connection.request(method, self._address.path.rstrip("/") + path, body, headers)
            response = connection.getresponse()
            said = response.read(MOST_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"The gateway did not answer: {type(error).__name__}.") from error
        finally:
            connection.close()
        return _understood(response.status, said)

    def _connected(self) -> http.client.HTTPConnection:
        try:
            return opened(self._address, TIMEOUT_S)
        except Forbidden as error:
            raise Refusal(f"The portal does not connect there: {error}.") from error
        except OSError as error:
            raise NotSent(f"The gateway cannot be reached: {error}.") from error


def _understood(status: int, said: bytes) -> Mapping[str, Any]:
    if status in NOT_NOW:
        raise NotSent(_message(status, _object(said)))
    if status >= 500:
        raise NoAnswer(_message(status, _object(said)))
    if status >= 300:
        raise Refusal(_message(status, _object(said)))
    answer = _object(said)
    if answer is None:
        raise NoAnswer("The gateway's answer is not JSON.")
    return answer


def _object(said: bytes) -> Mapping[str, Any] | None:
    try:
        value = _decoder.decode(said) if len(said) <= MOST_BYTES else None
    except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError, RecursionError):
        value = None
    return value if isinstance(value, Mapping) else None


def _message(status: int, answer: Mapping[str, Any] | None) -> str:
    """The gateway's own words, without secrets."""
    text = redacted(str((answer or {}).get("error") or "no further words"))
    return f"{text[:LONGEST_MESSAGE]} (HTTP {status})"
