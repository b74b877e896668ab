"""A calendar day of the demo. Payment `n` of a day depends on the seed, the day and `n` alone.

So a second run, later or with another size, sends the same payments again plus or minus the last
ones of each day: the portal answers "duplicate" and nothing is counted twice.
"""

import math
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from billing.demo.economy import CHAINS, address
from billing.demo.payments import (
    DAY_MS,
    Event,
    Payment,
    draw_payment,
    gas_facts,
    payment_events,
)

DOUBLING_DAYS = 75
WEEK = (1.0, 1.06, 1.08, 1.05, 0.98, 0.71, 0.66)  # Monday first
# Share of each UTC hour: quiet at night in America, busiest in its afternoon.
HOURS = (
    30, 24, 20, 18, 18, 20, 26, 34, 44, 52, 56, 58,
    60, 66, 74, 80, 82, 78, 70, 62, 54, 48, 42, 36,
)  # fmt: skip
BATCH_BLOCK = 60
PREMIUM_PLANS = ("19.000000", "49.000000")


def source(*parts: object) -> random.Random:
    """The reproducible random source of one thing."""
    return random.Random(":".join(map(str, parts)))  # noqa: S311 - made-up data, no secret


def day_sizes(last: date, days: int, payments: int) -> dict[date, int]:
    """How many payments each of the `days` days up to `last` has, newest first."""
    calendar = [last - timedelta(days=back) for back in range(days)]
    weights = {day: _weight(day) for day in calendar}
    unit = payments / sum(weights.values())
    return {day: round(unit * weight) for day, weight in weights.items()}


def _weight(day: date) -> float:
    growth = math.pow(2, day.toordinal() % 36_500 / DOUBLING_DAYS)
    return growth * WEEK[day.weekday()] * source("mood", day).uniform(0.9, 1.12)


def midnight_ms(day: date) -> int:
    """The first millisecond of the day, UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def day_events(seed: int, day: date, size: int) -> Iterator[Event]:
    """Every event of the payments, batches and revenue of a day, in no particular order."""
    payments = []
    for number in range(size):
        rng = source(seed, day, number)
        payment = draw_payment(rng, f"demo-{day:%Y%m%d}-{number:05d}", _moment(rng, day))
        payments.append(payment)
        yield from payment_events(rng, payment)
        yield from _sponsorship(rng, payment)
    for block in range(size // BATCH_BLOCK):
        members = payments[block * BATCH_BLOCK : (block + 1) * BATCH_BLOCK]
        yield from _batch(source(seed, day, "batch", block), f"{day:%Y%m%d}-{block:03d}", members)
    yield from _premium(source(seed, day, "premium"), day)


def _moment(rng: random.Random, day: date) -> int:
    hour = rng.choices(range(24), weights=HOURS)[0]
    return midnight_ms(day) + hour * 3_600_000 + rng.randrange(3_600_000)


def _batch(rng: random.Random, name: str, payments: list[Payment]) -> Iterator[Event]:
    members = [payment for payment in payments if payment.is_batched]
    if not members:
        return
    chain = members[0].chain
    yield {
        "id": f"demo-batch-{name}",
        "type": "batch:settled",
        "data": {
            "batchId": f"demo-batch-{name}",
            "network": chain.chain_id,
            "transaction": "0x" + rng.randbytes(32).hex(),
            "paymentIds": [payment.payment_id for payment in members],
            "timestamp": max(payment.settled_at_ms for payment in members) + 1500,
            **gas_facts(rng, chain),
            "gasUsed": str(30_000 + 24_000 * len(members)),
        },
    }


def _sponsorship(rng: random.Random, payment: Payment) -> Iterator[Event]:
    """Sellers of some products buy gas for their customers."""
    if payment.is_settled and payment.product.seller % 3 == 0 and rng.random() < 0.25:
        yield _revenue(
            f"{payment.payment_id}:sponsorship",
            kind="gas_sponsorship",
            amount=f"{rng.uniform(0.004, 0.03):.6f}",
            network=payment.chain.chain_id,
            timestamp=payment.settled_at_ms + 2_000,
            paymentId=payment.payment_id,
        )


def _premium(rng: random.Random, day: date) -> Iterator[Event]:
    for number in range(rng.choice((0, 0, 0, 1))):
        yield _revenue(
            f"demo-premium-{day:%Y%m%d}-{number}",
            kind="premium",
            amount=rng.choice(PREMIUM_PLANS),
            network=CHAINS[0].chain_id,
            payer=address("payer", rng.randrange(40), CHAINS[0]),
            timestamp=midnight_ms(day) + rng.randrange(DAY_MS),
        )


def _revenue(event_id: str, **data: object) -> Event:
    return {"id": event_id, "type": "revenue:recorded", "data": data}
