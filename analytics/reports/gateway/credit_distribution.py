"""How many keys hold how many credits."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from rest_framework import serializers

from analytics.params import GatewayParams, Parameter
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs

BUCKETS = """
select b.label as range, count(*) as count, sum(k.credits) as total_credits
from gateway_keys(%(sources)s, %(as_of)s) k
join unnest(%(labels)s::text[], %(lows)s::numeric[], %(highs)s::numeric[])
    with ordinality b (label, low, high, n)
    on k.credits >= b.low and (b.high is null or k.credits <= b.high)
where k.is_act
group by b.n, b.label
order by b.n
"""

SUMMARY = """
select count(*) as total_keys,
    coalesce(gateway_round(percentile_cont(0.5) within group (order by k.credits::float8)), 0)
        as median_credits
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
"""

DEFAULT = "0-10,11-50,51-100,101-500,501-1000,1001+"
MOST = 50
BOUNDED = re.compile(r"([0-9]{1,15})-([0-9]{1,15})")
OPEN = re.compile(r"([0-9]{1,15})\+?")  # an unescaped + in a query string arrives as a space


@dataclass(frozen=True)
class Bounds:
    """Ranges of credits, both ends included; only the last may be open."""

    labels: list[str]
    lows: list[int]
    highs: list[int | None]


def bounds_of(text: str) -> Bounds:
    """The ranges in a text; ValueError when they are none, overlap or go down."""
    *bounded, last = (part.strip() for part in text.split(","))
    ends = [_bounded(part) for part in bounded]
    found = OPEN.fullmatch(last)
    every = [*ends, (int(found[1]), None) if found else _bounded(last)]
    marks = [mark for low, high in every for mark in (low, low if high is None else high)]
    is_rising = all(low > high for low, high in zip(marks[2::2], marks[1::2], strict=False))
    if len(every) > MOST or not is_rising:
        raise ValueError(text)
    return Bounds(
        labels=[f"{low}+" if high is None else f"{low}-{high}" for low, high in every],
        lows=[low for low, _ in every],
        highs=[high for _, high in every],
    )


def _bounded(part: str) -> tuple[int, int]:
    found = BOUNDED.fullmatch(part)
    if found is None or int(found[2]) < int(found[1]):
        raise ValueError(part)
    return int(found[1]), int(found[2])


class BucketsField(serializers.CharField):
    """Ranges of credits, from low to high."""

    default_error_messages = {
        "invalid_buckets": f"Use at most {MOST} ranges that rise and do not overlap,"
        " such as 0-10,11-50,51+."
    }

    def to_internal_value(self, data: Any) -> str:
        """The text; invalid_buckets when it has no ranges that rise."""
        text: str = super().to_internal_value(data)
        try:
            bounds_of(text)
        except ValueError:
            self.fail("invalid_buckets")
        return text


@dataclass(frozen=True, kw_only=True)
class CreditDistributionParams(GatewayParams):
    """Which ranges."""

    buckets: Annotated[
        str,
        Parameter(BucketsField, f"Ranges of credits, at most {MOST}; the last may be open."),
    ] = DEFAULT


@dataclass(frozen=True)
class CreditBucket:
    """Keys whose credits lie in a range."""

    range: str
    count: Count
    total_credits: Credits


@dataclass(frozen=True)
class CreditDistributionSummary:
    """All active keys that are not suspended."""

    total_keys: Count
    median_credits: Credits


@dataclass(frozen=True)
class CreditDistribution:
    """Ranges that have keys, from low to high."""

    buckets: list[CreditBucket]
    summary: CreditDistributionSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def credit_distribution(params: CreditDistributionParams, snapshot: Snapshot) -> CreditDistribution:
    """Credit distribution.

    Active keys that are not suspended, by the credits they hold now; ranges without keys are
    left out. `buckets` names other ranges than the gateway's, both ends included, rising and
    without overlap, the last one open when it ends in +; keys in none of them count in summary
    only. medianCredits is the median, of an even count the rounded mean of the middle two.
    """
    ranges = bounds_of(params.buckets)
    return CreditDistribution(
        buckets=snapshot.fetch(
            CreditBucket, BUCKETS, labels=ranges.labels, lows=ranges.lows, highs=ranges.highs
        ),
        summary=snapshot.one(CreditDistributionSummary, SUMMARY),
        generated_at=snapshot.as_of,
    )
