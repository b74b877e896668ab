"""Measures of a list of payments: sums, means, medians, percentiles, shares."""

from collections.abc import Sequence
from fractions import Fraction

from tests.oracle.payments import Payment

HUNDRED = Fraction(100)


def total(values: Sequence[Fraction | None]) -> Fraction:
    """The sum of what is known."""
    return sum((value for value in values if value is not None), Fraction(0))


def mean(values: Sequence[Fraction]) -> Fraction:
    """The average; 0 of nothing."""
    return total(values) / len(values) if values else Fraction(0)


def median(values: Sequence[Fraction]) -> Fraction:
    """The middle, or the mean of the middle two; 0 of nothing."""
    ordered, half = sorted(values), len(values) // 2
    if not ordered:
        return Fraction(0)
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def percentile(values: Sequence[Fraction], percent: int) -> Fraction:
    """Nearest rank; 0 of nothing."""
    rank = -(-percent * len(values) // 100)
    return sorted(values)[max(rank, 1) - 1] if values else Fraction(0)


def share(part: int, whole: int, of_nothing: int) -> Fraction:
    """Percent; `of_nothing` when there is no whole."""
    return HUNDRED * part / whole if whole else Fraction(of_nothing)


def volume(payments: Sequence[Payment]) -> Fraction:
    """USD moved to sellers; unpriced payments and other legs add nothing."""
    return total(sizes(payments))


def sizes(payments: Sequence[Payment]) -> list[Fraction]:
    """USD of the priced charges and sweeps."""
    return [p.amount_usd for p in payments if p.is_volume and p.amount_usd is not None]


def durations(payments: Sequence[Payment]) -> list[Fraction]:
    """Settlement milliseconds of those that have any."""
    return [p.settlement_ms for p in payments if p.settlement_ms is not None]
