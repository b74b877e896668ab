"""How old keys are and how much they were given."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.reports.gateway._ages import HOURS, MS
from analytics.units import Count, Credits, IsoMs, Number

CONSUMERS = f"""
select k.name, gateway_round({HOURS}, 2) as age_hours, k.spent as total_spent,
    k.allocated as credits_allocated,
    case when {MS} > 0 then gateway_round(k.spent::float8 / ({HOURS}), 2) else 0 end
        as spend_rate
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
order by k.allocated desc, k.place
"""  # noqa: S608 - composed of constants

SUMMARY = f"""
select count(*) as total_consumers,
    count(*) filter (where {MS} < 86400000) as new_consumers24h
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
"""  # noqa: S608 - composed of constants


@dataclass(frozen=True)
class GrowingConsumer:
    """A key's age and its pace."""

    name: str
    age_hours: Number
    total_spent: Credits
    credits_allocated: Credits
    spend_rate: Number


@dataclass(frozen=True)
class ConsumerGrowthSummary:
    """All consumers, and those younger than a day."""

    total_consumers: Count
    new_consumers24h: Count


@dataclass(frozen=True)
class ConsumerGrowth:
    """Consumers, those with most credits allocated first."""

    consumers: list[GrowingConsumer]
    summary: ConsumerGrowthSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def consumer_growth(params: GatewayParams, snapshot: Snapshot) -> ConsumerGrowth:
    """Consumer growth.

    Every active key that is not suspended, by allocated credits (held now plus spent). ageHours
    counts from the key's creation, spendRate is credits spent per hour of age; both have two
    decimals. newConsumers24h are the keys younger than 24 hours. Unlike in
    consumer-spend-velocity the age has no least value, so a key some milliseconds old that
    spent something has a huge rate, and one of age 0 none.
    """
    return ConsumerGrowth(
        consumers=snapshot.fetch(GrowingConsumer, CONSUMERS),
        summary=snapshot.one(ConsumerGrowthSummary, SUMMARY),
        generated_at=snapshot.as_of,
    )
