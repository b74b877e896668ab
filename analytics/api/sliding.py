"""How often one address may ask the drop-in: so many requests in any 60 seconds.

A counter a second and address in the cache, shared by all processes. Unlike a fixed window it
lets nobody ask twice as often around the turn of a minute.
"""

import logging
import math
import time

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

WINDOW = 60  # seconds

log = logging.getLogger(__name__)


def wait_for(address: str) -> int:
    """Count a request; 0 when it may be answered, else the seconds until the next one may.

    A refused request does not count. Without a cache everybody may ask.
    """
    limit: int = settings.PAYGATE_ADMIN_REQUESTS_PER_MINUTE
    if not limit:
        return 0
    try:
        return counted(address, limit, time.time())
    except (RedisError, OSError) as error:
        log.warning("requests are not counted: %s", error)
    except ValueError:  # the counter was evicted between two calls
        log.info("a counter of %s was evicted", address)
    return 0


def counted(address: str, limit: int, now: float) -> int:
    """The same at a moment, epoch seconds; ValueError when the cache dropped the counter."""
    second = math.floor(now)
    seconds = {f"dropin:{address}:{n}": n for n in range(second - WINDOW + 1, second + 1)}
    own = f"dropin:{address}:{second}"
    cache.add(own, 0, timeout=WINDOW + 1)
    cache.incr(own)  # before the others are read: of two at once, both see both
    counts = cache.get_many(seconds)
    if sum(counts.values()) <= limit:
        return 0
    cache.decr(own)
    oldest = min(seconds[name] for name, count in counts.items() if count)
    return math.ceil(oldest + WINDOW - now)
