"""The 90-day dashboard report beside the same figures in raw SQL with the same indexes.

All sizes take turns, and at each turn both ways do: what else the machine does hits all alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import median
from typing import Any

from django.db import connection

from analytics.benchmark.results import Measurement, seconds_of
from analytics.benchmark.scratch import Scratch, use
from analytics.registry import find_report

TURNS = 5
WARM_UPS, RUNS_A_TURN = 5, 20  # of the report, on a new connection; raw SQL runs once a turn

RAW: dict[str, str] = {
    "cohort": """
select count(*), count(*) filter (where status = 'settled'),
    count(*) filter (where status = 'failed'),
    avg(settlement_ms) filter (where status = 'settled'), count(distinct network_id)
from billing_payment join billing_network n on n.chain_id = network_id
where started_at > now() - interval '90 days' and started_at <= now()
  and n.is_registered and not n.is_testnet""",
    "revenue": """
select sum(amount_usd) from billing_revenuerecord join billing_network n on n.chain_id = network_id
where kind in ('facilitator_fee', 'gas_sponsorship', 'premium')
  and at > now() - interval '90 days' and at <= now() and n.is_registered and not n.is_testnet""",
    "today": """
select sum(amount_usd) from billing_revenuerecord join billing_network n on n.chain_id = network_id
where kind in ('facilitator_fee', 'gas_sponsorship', 'premium')
  and at >= date_trunc('day', now()) and at <= now() and n.is_registered and not n.is_testnet""",
    "revenue by day": """
select date_trunc('day', at), sum(amount_usd)
from billing_revenuerecord join billing_network n on n.chain_id = network_id
where kind in ('facilitator_fee', 'gas_sponsorship', 'premium')
  and at > now() - interval '90 days' and at <= now() and n.is_registered and not n.is_testnet
group by 1 order by 1""",
    "payments by day": """
select date_trunc('day', settled_at), count(*)
from billing_payment join billing_network n on n.chain_id = network_id
where status = 'settled' and settled_at > now() - interval '90 days' and settled_at <= now()
  and n.is_registered and not n.is_testnet
group by 1 order by 1""",
    "volume by network": """
select n.name, sum(amount_usd) filter (where status = 'settled' and is_volume)
from billing_payment join billing_network n on n.chain_id = network_id
where started_at > now() - interval '90 days' and started_at <= now()
  and n.is_registered and not n.is_testnet
group by 1 order by 2 desc""",
    "top payers": """
select payer, sum(amount_usd) from billing_payment
join billing_network n on n.chain_id = network_id
where status = 'settled' and is_volume and payer is not null
  and n.is_registered and not n.is_testnet
group by 1 order by 2 desc, 1 limit 5""",
    "top payees": """
select payee, sum(amount_usd) from billing_payment
join billing_network n on n.chain_id = network_id
where status = 'settled' and is_volume and payee is not null
  and n.is_registered and not n.is_testnet
group by 1 order by 2 desc, 1 limit 5""",
    "pending": """
select count(*) from billing_payment join billing_network n on n.chain_id = network_id
where status in ('received', 'verified', 'pending') and n.is_registered and not n.is_testnet""",
}


@dataclass
class Timings:
    """Seconds of every run at one size."""

    raw: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)


def measure_dashboards(databases: Mapping[int, Scratch]) -> list[Measurement]:
    """Median seconds of both ways at each size; AssertionError if their figures differ."""
    timings = {size: Timings() for size in databases}
    for scratch in databases.values():
        use(scratch)
        _check(_raw_figures(), _answer())
    for _ in range(TURNS):
        for size, scratch in databases.items():
            use(scratch)
            _take_turn(timings[size])
    return [_beside_raw(size, taken) for size, taken in timings.items()]


def _take_turn(timings: Timings) -> None:
    for _ in range(WARM_UPS):
        _answer()
    timings.ours += [seconds_of(_answer) for _ in range(RUNS_A_TURN)]
    timings.raw.append(seconds_of(_raw_figures))


def _beside_raw(payments: int, timings: Timings) -> Measurement:
    peer, ours = median(timings.raw), median(timings.ours)
    return Measurement(
        name="90-day dashboard",
        rows=payments,
        peer="raw SQL",
        peer_seconds=peer,
        our_seconds=ours,
        ratio=peer / ours,
        reading="times faster than raw SQL (wanted: at least 100 at 2 million)",
    )


def compare_sizes(small: Measurement, large: Measurement) -> Measurement:
    """How much a larger history slows the same dashboard down."""
    return Measurement(
        name="90-day dashboard",
        rows=large.rows,
        peer=f"itself at {small.rows:,}",
        peer_seconds=small.our_seconds,
        our_seconds=large.our_seconds,
        ratio=large.our_seconds / small.our_seconds,
        reading="times its own seconds (wanted: at most 1.5)",
    )


def _answer() -> dict[str, Any]:
    answer: dict[str, Any] = find_report("dashboard").answer({"window": "90d"}).data
    return answer


def _raw_figures() -> dict[str, Any]:
    figures = {}
    for name, statement in RAW.items():
        with connection.cursor() as cursor:
            cursor.execute(statement)
            figures[name] = cursor.fetchall()
    return figures


def _check(raw: dict[str, Any], answer: dict[str, Any]) -> None:
    expected = (raw["cohort"][0][0], raw["revenue"][0][0], [row[0] for row in raw["top payers"]])
    actual = (
        answer["summary"]["totalPayments"],
        Decimal(answer["summary"]["totalRevenue"]),
        [row["address"] for row in answer["topLists"]["topPayers"]],
    )
    if expected != actual:
        raise AssertionError(f"raw SQL says {expected}, the report {actual}")
