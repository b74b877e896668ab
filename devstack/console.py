"""What the person at the terminal reads."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

# wall clock, so that the timeline goes on after the change into the virtual environment
_STARTED = float(os.environ.pop("DEVSTACK_STARTED", "0")) or time.time()
_muted = False


class UserError(Exception):
    """A problem the user can solve; shown as one message, without a traceback."""


def _print(text: str, stream: TextIO | None = None) -> None:
    """Print, also when the terminal is gone: whoever speaks may be about to clean up."""
    with suppress(OSError):
        print(text, end="", file=stream, flush=True)


def carry_timeline() -> dict[str, str]:
    """Return the environment in which the next program goes on with this timeline."""
    return os.environ | {"DEVSTACK_STARTED": str(_STARTED)}


def say(message: str) -> None:
    """Print one line of the timeline."""
    if not _muted:
        _print(f"[{time.time() - _STARTED:6.1f}s] {message}\n")


def show(text: str) -> None:
    """Print text as it is."""
    _print(text + "\n")


def pass_through(text: str) -> None:
    """Print output of another process, which ends its lines itself."""
    _print(text)


def complain(message: str) -> None:
    """Print a problem on standard error."""
    _print(message + "\n", sys.stderr)


@contextmanager
def quiet() -> Iterator[None]:
    """Leave the terminal to a command whose output may be read by another program."""
    global _muted
    _muted = True
    try:
        yield
    finally:
        _muted = False
