"""What a report is asked: its window, zone and choice of networks."""

from dataclasses import dataclass
from datetime import date

from tests.oracle.exact import DAY, SECOND
from tests.oracle.ledger import Ledger, Scope
from tests.oracle.windows import Span, window


@dataclass(frozen=True)
class Question:
    """The parameters of a report. Moments are microseconds since 1970."""

    as_of: int
    window: str | None = "24h"
    start: int | None = None
    end: int | None = None
    tz: str = "UTC"
    network: str | None = None
    include_testnets: bool = False
    limit: int = 10
    days: int = 30
    day: date | None = None
    metric: str = "volume"

    @property
    def span(self) -> Span:
        """What the question is about."""
        if self.start is not None and self.end is not None:
            return Span(self.start, min(self.end, self.as_of + 1))
        return window(self.window or "24h", self.as_of)

    @property
    def asked_span(self) -> Span:
        """The same, with an end later than as_of left as asked."""
        return self.span if self.end is None else Span(self.span.low, self.end)

    @property
    def is_hourly(self) -> bool:
        """Whether a series goes by hour: up to 24 hours."""
        return self.asked_span.high - self.asked_span.low <= DAY

    @property
    def last_moment(self) -> int:
        """The moment whose day is the last one: as_of, or a millisecond before the end."""
        return self.as_of if self.end is None else self.end - SECOND // 1000


def scope_of(ledger: Ledger, asked: Question) -> Scope:
    """The facts the question may count."""
    return ledger.scope(include_testnets=asked.include_testnets, network=asked.network)
