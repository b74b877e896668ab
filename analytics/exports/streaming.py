"""An export as the body of an answer: it begins at once, and holds a few thousand rows at most."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

from django.db import connections

from analytics.exports.forms import FORMS
from analytics.exports.reading import Wanted, reading

MOST = 2  # at once in a process: each holds a connection of the pool for as long as it is read
_lock = threading.Lock()
_running = 0


def is_full() -> bool:
    """Whether as many exports are being read as this process allows."""
    return _running >= MOST


def pieces(wanted: Wanted, form: str) -> Iterator[bytes]:
    """The file, piece by piece, from the calling thread's connection."""
    _count(1)
    try:
        with reading(wanted) as found:
            yield from FORMS[form](found.columns, found.rows)
    finally:
        _count(-1)


async def pieces_for_asgi(wanted: Wanted, form: str) -> AsyncIterator[bytes]:
    """The same under ASGI, where Django would collect an ordinary iterator before it sends any.

    One thread reads it all, for a connection belongs to a thread; what it holds is given back
    there, also when the caller has gone.
    """
    thread = ThreadPoolExecutor(1, "export")
    body = pieces(wanted, form)
    loop = asyncio.get_running_loop()
    try:
        while (piece := await loop.run_in_executor(thread, next, body, None)) is not None:
            yield piece
    finally:
        thread.submit(_end, body)
        thread.shutdown(wait=False)


def _end(body: Iterator[bytes]) -> None:
    try:
        body.close()  # type: ignore[attr-defined]  # a generator's
    finally:
        connections.close_all()


def _count(change: int) -> None:
    global _running
    with _lock:
        _running += change
