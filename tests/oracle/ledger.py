"""All facts of a run, and the questions every report asks of them."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Generic, TypeVar

from tests.oracle import chains
from tests.oracle.book import REVENUE_KINDS, Line, book
from tests.oracle.gas import batches, shares_of
from tests.oracle.payments import Event, Payment, distinct, expire, fold
from tests.oracle.windows import Span

Fact = TypeVar("Fact")
EXPIRY_AFTER = 3_600_000_000
EXPIRY_GRACE = 600_000_000


@dataclass
class Ledger:
    """Payments and book lines of a set of events."""

    payments: list[Payment]
    lines: list[Line]
    gas_shares: dict[str, Fraction] = field(default_factory=dict)
    _scopes: dict[tuple[bool, str | None], "Scope"] = field(default_factory=dict)

    def scope(self, *, include_testnets: bool = False, network: str | None = None) -> "Scope":
        """The facts a report may count."""
        chosen = (include_testnets, network)
        if chosen not in self._scopes:
            self._scopes[chosen] = self._choose(*chosen)
        return self._scopes[chosen]

    def _choose(self, include_testnets: bool, network: str | None) -> "Scope":
        def counts(name: str) -> bool:
            wanted = include_testnets or not chains.is_excluded(name)
            return wanted and network in (None, name)

        return Scope(
            [p for p in self.payments if counts(p.network)],
            [line for line in self.lines if counts(line.network)],
        )


class Scope:
    """Payments and lines after the choice of networks, each in order of time."""

    def __init__(self, payments: list[Payment], lines: list[Line]) -> None:
        """Settled are those that are settled now: a reversed payment is not."""
        settled = [payment for payment in payments if payment.status == "settled"]
        self.payments, self.settled, self.lines = payments, settled, lines
        self._by_start = Timeline(payments, lambda payment: payment.started_at)
        self._by_settlement = Timeline(settled, lambda payment: payment.stages["settled"].at)
        self._by_moment = Timeline(lines, lambda line: line.at)

    def cohort(self, span: Span) -> list[Payment]:
        """Payments that started in the span."""
        return self._by_start.within(span)

    def settled_in(self, span: Span) -> list[Payment]:
        """Settled payments by the moment they settled."""
        return self._by_settlement.within(span)

    def within(self, span: Span) -> list[Line]:
        """Lines of the span."""
        return self._by_moment.within(span)

    def money(self, span: Span, *kinds: str) -> Fraction:
        """USD of the priced lines of these kinds (all revenue by default) in the span."""
        chosen = kinds or REVENUE_KINDS
        found = (line.usd for line in self.within(span) if line.kind in chosen)
        return sum((usd for usd in found if usd is not None), Fraction(0))

    def unpriced(self, span: Span, *, gas: bool) -> int:
        """Lines of the span without a USD value: of gas, or of everything else."""
        found = self.within(span)
        return sum(line.usd is None and (line.kind == "gas") is gas for line in found)

    def first_fact(self) -> int | None:
        """The earliest payment or line of the book."""
        moments = [line.at for line in self.lines]
        for payment in self.payments:
            moments += [payment.started_at, payment.at("settled") or payment.started_at]
        return min(moments, default=None)


class Timeline(Generic[Fact]):
    """Facts in order of time, so that a span is a slice."""

    def __init__(self, facts: Iterable[Fact], at: Callable[[Fact], int]) -> None:
        """Sort once."""
        self._facts = sorted(facts, key=at)
        self._moments = [at(fact) for fact in self._facts]

    def within(self, span: Span) -> list[Fact]:
        """The facts of a span."""
        low, high = bisect_left(self._moments, span.low), bisect_left(self._moments, span.high)
        return self._facts[low:high]


def recompute(events: Iterable[Event], *, expired_by: int | None = None) -> Ledger:
    """Facts from raw events in any order, with any repetitions.

    `expired_by` (microseconds): also do what the portal's clock had done by then.
    """
    unique = distinct(events)
    payments = fold(unique)
    if expired_by is not None:
        expire(payments.values(), expired_by, EXPIRY_AFTER, EXPIRY_GRACE)
    shares = shares_of(batches(unique))
    return Ledger(list(payments.values()), book(unique, payments), shares)
