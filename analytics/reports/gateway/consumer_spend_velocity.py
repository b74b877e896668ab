"""How fast each key spends."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.reports.gateway._ages import HOURS_AT_LEAST
from analytics.units import Count, Credits, IsoMs, Number

CONSUMERS = f"""
select k.name, k.spent as total_spent, k.credits as credits_remaining, k.credits_per_hour,
    gateway_round(k.credits::float8 / nullif(k.credits_per_hour, 0)::float8, 2)
        as hours_until_depleted
from (
    select k.*, case when k.spent > 0
        then gateway_round(k.spent::float8 / ({HOURS_AT_LEAST}), 2) else 0 end as credits_per_hour
    from gateway_keys(%(sources)s, %(as_of)s) k
    where k.is_act
) k
order by k.credits_per_hour desc, k.place
"""  # noqa: S608 - composed of constants


@dataclass(frozen=True)
class SpendingConsumer:
    """A key's pace; hours are null while it spends nothing."""

    name: str
    total_spent: Credits
    credits_remaining: Credits
    credits_per_hour: Number
    hours_until_depleted: Number | None


@dataclass(frozen=True)
class ConsumerSpendVelocitySummary:
    """All consumers."""

    total_consumers: Count
    fastest_spender: str | None


@dataclass(frozen=True)
class ConsumerSpendVelocity:
    """Consumers, the fastest first."""

    consumers: list[SpendingConsumer]
    summary: ConsumerSpendVelocitySummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def consumer_spend_velocity(params: GatewayParams, snapshot: Snapshot) -> ConsumerSpendVelocity:
    """Consumer spend velocity.

    Every active key that is not suspended. creditsPerHour divides what it spent in its whole life
    by its age in hours (at least 0.001); hoursUntilDepleted divides the credits left by that
    rounded rate. Both have two decimals. fastestSpender is null while no rate is above zero.
    """
    consumers = snapshot.fetch(SpendingConsumer, CONSUMERS)
    spends = bool(consumers) and consumers[0].credits_per_hour > 0
    return ConsumerSpendVelocity(
        consumers=consumers,
        summary=ConsumerSpendVelocitySummary(
            total_consumers=len(consumers), fastest_spender=consumers[0].name if spends else None
        ),
        generated_at=snapshot.as_of,
    )
