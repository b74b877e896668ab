"""Measurements, and the table of them that the benchmark prints."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """One comparison; seconds of the peer and of ours, and the ratio that was asked for.

    `ratio` is ours in terms of the peer, as `reading` says it.
    """

    name: str
    rows: int
    peer: str
    peer_seconds: float
    our_seconds: float
    ratio: float
    reading: str


HEADINGS = ("measure", "rows", "peer", "peer s", "ours s", "ratio", "reading")


def table(measurements: Iterable[Measurement]) -> str:
    """Aligned columns under their headings."""
    rows = [HEADINGS, *(_cells(one) for one in measurements)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _cells(one: Measurement) -> tuple[str, ...]:
    return (
        one.name,
        f"{one.rows:,}",
        one.peer,
        f"{one.peer_seconds:.3f}",
        f"{one.our_seconds:.3f}",
        f"{one.ratio:.2f}",
        one.reading,
    )


def seconds_of(work: Callable[[], object]) -> float:
    """How long a piece of work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
