"""Which keys of a day are used."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, IsoMs, Number, Percent

COHORTS = """
select k.period, count(*) as created, count(*) filter (where k.calls > 0) as retained,
    gateway_pct(count(*) filter (where k.calls > 0), count(*)) as retention_rate,
    gateway_round(sum(k.spent)::float8 / count(*)) as avg_spend
from (
    select k.calls, k.spent,
        coalesce(to_char(k.created_at at time zone %(zone)s, 'YYYY-MM-DD'), 'unknown')
            collate "C" as period
    from gateway_keys(%(sources)s, %(as_of)s) k
    where k.is_act
) k
group by k.period
order by k.period desc
"""

SUMMARY = """
select count(*) as total_keys, count(*) filter (where k.calls > 0) as retained_keys,
    gateway_pct(count(*) filter (where k.calls > 0), count(*)) as overall_retention_rate
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
"""


@dataclass(frozen=True)
class RetentionCohort:
    """The keys created on a day."""

    period: str
    created: Count
    retained: Count
    retention_rate: Percent
    avg_spend: Number


@dataclass(frozen=True)
class ConsumerRetentionSummary:
    """All cohorts together."""

    total_keys: Count
    retained_keys: Count
    overall_retention_rate: Percent


@dataclass(frozen=True)
class ConsumerRetention:
    """Days on which keys were created, the newest first."""

    cohorts: list[RetentionCohort]
    summary: ConsumerRetentionSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def consumer_retention(params: GatewayParams, snapshot: Snapshot) -> ConsumerRetention:
    """Consumer retention.

    Active keys that are not suspended, by the day of the zone tz on which they were created. A
    key is retained when it ever made a call; rates are rounded percentages, avgSpend the rounded
    credits spent per key. A key made by rotation keeps the day of its predecessor.
    """
    return ConsumerRetention(
        cohorts=snapshot.fetch(RetentionCohort, COHORTS),
        summary=snapshot.one(ConsumerRetentionSummary, SUMMARY),
        generated_at=snapshot.as_of,
    )
