"""Keys by how much they call."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from rest_framework import serializers

from analytics.params import GatewayParams, Parameter
from analytics.problems import invalid
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Number

SEGMENTS = """
select s.segment, count(*) as count, sum(k.credits) as total_credits,
    sum(k.spent) as total_spent,
    gateway_round(sum(k.calls)::float8 / count(*)) as avg_calls_per_key
from (
    select k.*, case when k.calls >= %(power)s then 1 when k.calls >= %(regular)s then 2
                     when k.calls >= %(casual)s then 3 else 4 end as n
    from gateway_keys(%(sources)s, %(as_of)s) k
    where k.is_act
) k
join (values (1, 'power'), (2, 'regular'), (3, 'casual'), (4, 'dormant')) s (n, segment)
    on s.n = k.n
group by s.n, s.segment
order by s.n
"""

SUMMARY = """
select count(*) as total_consumers
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
"""


def _calls(**options: Any) -> "serializers.Field[Any, Any, Any, Any]":
    return serializers.IntegerField(min_value=0, max_value=2**31 - 1, **options)


_CALLS: Callable[..., "serializers.Field[Any, Any, Any, Any]"] = _calls


@dataclass(frozen=True, kw_only=True)
class SegmentationParams(GatewayParams):
    """Where the segments begin."""

    power: Annotated[int, Parameter(_CALLS, "Calls from which a key is a power consumer.")] = 20
    regular: Annotated[int, Parameter(_CALLS, "Calls from which a key is a regular one.")] = 5
    casual: Annotated[int, Parameter(_CALLS, "Calls from which a key is a casual one.")] = 1

    def check(self) -> None:
        """The segments must follow each other."""
        if not self.casual <= self.regular <= self.power:
            raise invalid("regular", "Must lie between casual and power.", "invalid_range")


@dataclass(frozen=True)
class ConsumerSegment:
    """Keys that call about as much."""

    segment: str
    count: Count
    total_credits: Credits
    total_spent: Credits
    avg_calls_per_key: Number


@dataclass(frozen=True)
class ConsumerSegmentationSummary:
    """All active keys that are not suspended."""

    total_consumers: Count


@dataclass(frozen=True)
class ConsumerSegmentation:
    """Segments that have keys, from most to fewest calls."""

    segments: list[ConsumerSegment]
    summary: ConsumerSegmentationSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def consumer_segmentation(params: SegmentationParams, snapshot: Snapshot) -> ConsumerSegmentation:
    """Consumer segmentation.

    Active keys that are not suspended, by the calls of their whole life: power from 20, regular
    from 5, casual from 1, dormant below; power, regular and casual move these borders. Segments
    without keys are left out. totalCredits is what the keys hold now, totalSpent what they spent;
    avgCallsPerKey is rounded to a whole number. Expired keys count like others.
    """
    borders = {"power": params.power, "regular": params.regular, "casual": params.casual}
    return ConsumerSegmentation(
        segments=snapshot.fetch(ConsumerSegment, SEGMENTS, **borders),
        summary=snapshot.one(ConsumerSegmentationSummary, SUMMARY),
        generated_at=snapshot.as_of,
    )
