"""How often a caller may ask: one counter a minute for each, shared by all processes."""

import logging
import math
import time
from typing import TYPE_CHECKING

from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from billing.api.permissions import access_of

if TYPE_CHECKING:  # views import this module while they are being imported themselves
    from rest_framework.views import APIView

log = logging.getLogger(__name__)


class TokenThrottle(SimpleRateThrottle):
    """Counts a caller's requests in fixed windows.

    DRF's own keeps every request's time in one cache entry and rewrites it each time; at the
    rates of ingest that is a megabyte a request.
    """

    scope = "api"
    num_requests: int | None
    duration: int | None

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Whether the caller is within its rate; without a cache everybody is."""
        access = access_of(request)
        if access is None or self.num_requests is None or self.duration is None:
            return True
        window = int(time.time() // self.duration)
        count = _count(f"throttle:{self.scope}:{access.who}:{window}", self.duration)
        return count <= self.num_requests

    def wait(self) -> float:
        """Seconds until the next window."""
        duration = self.duration or 1
        return math.ceil(duration - time.time() % duration)


class IngestThrottle(TokenThrottle):
    """The rate of requests that post events."""

    scope = "ingest"


def _count(key: str, seconds: int) -> int:
    try:
        cache.add(key, 0, timeout=2 * seconds)
        return cache.incr(key)
    except (RedisError, OSError) as error:
        # Losing the cache must not lose events: nothing is counted until it is back.
        log.warning("requests are not counted: %s", error)
    except ValueError:  # evicted between the two calls
        log.info("counter %s was evicted", key)
    return 0
