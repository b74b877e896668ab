"""Keys in order of what they spent, called or hold."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast, get_args

from rest_framework import serializers

from analytics.params import GatewayParams, Parameter
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs

SortKey = Literal["totalSpent", "totalCalls", "creditsRemaining"]

RANKINGS = """
select row_number() over (order by k.amount desc, k.place) as rank,
    k.name, k.spent as total_spent, k.calls as total_calls, k.credits as credits_remaining
from (
    select k.*, case %(sort_by)s when 'totalCalls' then k.calls
                     when 'creditsRemaining' then k.credits else k.spent end as amount
    from gateway_keys(%(sources)s, %(as_of)s) k
    where k.is_act
) k
order by rank
"""


class SortField(serializers.ChoiceField):
    """What to sort by; anything unknown means totalSpent, as the gateway has it."""

    def to_internal_value(self, data: Any) -> SortKey:
        """The choice, totalSpent when there is none of that name."""
        return cast(SortKey, data) if data in get_args(SortKey) else "totalSpent"


def _sort_field(**options: Any) -> "serializers.Field[Any, Any, Any, Any]":
    return SortField(choices=get_args(SortKey), **options)


@dataclass(frozen=True, kw_only=True)
class KeyRankingParams(GatewayParams):
    """What to sort by."""

    sort_by: Annotated[
        SortKey, Parameter(_sort_field, "What to sort by, the largest first.", "sortBy")
    ] = "totalSpent"


@dataclass(frozen=True)
class RankedKey:
    """A key and its place."""

    rank: Count
    name: str
    total_spent: Credits
    total_calls: Count
    credits_remaining: Credits


@dataclass(frozen=True)
class KeyRankingSummary:
    """How many keys, sorted by what."""

    total_keys: Count
    sorted_by: SortKey


@dataclass(frozen=True)
class KeyRanking:
    """Keys, the first first."""

    rankings: list[RankedKey]
    summary: KeyRankingSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def key_ranking(params: KeyRankingParams, snapshot: Snapshot) -> KeyRanking:
    """Key ranking.

    Every active key that is not suspended, by sortBy: totalSpent (the default and whatever
    another value says), totalCalls or creditsRemaining, the largest first. Ranks run from 1
    without gaps; equal keys have different ranks, in the gateway's order of keys.
    """
    rankings = snapshot.fetch(RankedKey, RANKINGS, sort_by=params.sort_by)
    return KeyRanking(
        rankings=rankings,
        summary=KeyRankingSummary(total_keys=len(rankings), sorted_by=params.sort_by),
        generated_at=snapshot.as_of,
    )
