"""The 90-day dashboard report beside the same figures in raw SQL with the same indexes."""

import time
from collections.abc import Callable
from decimal import Decimal
from statistics import median
from typing import Any

from django.db import connection

from analytics.benchmark.results import Measurement
from analytics.registry import find_report

RUNS_OF_OURS, RUNS_OF_THE_PEER = 15, 3

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


def measure_dashboard(payments: int) -> Measurement:
    """Median seconds of both; the headline figures of both must be equal."""
    raw: dict[str, Any] = {}
    peer = _median_seconds(lambda: raw.update(_raw_figures()), RUNS_OF_THE_PEER)
    answer: dict[str, Any] = {}
    report = find_report("dashboard")
    ours = _median_seconds(
        lambda: answer.update(report.answer({"window": "90d"}).data), RUNS_OF_OURS
    )
    _check(raw, answer)
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


def _median_seconds(work: Callable[[], object], runs: int) -> float:
    work()  # warms caches, for both alike
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return median(seconds)


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
