"""Reports on the payments that started in a window."""

from collections import defaultdict
from fractions import Fraction
from typing import Any

from tests.oracle.chains import CHAINS, UNKNOWN, name_of
from tests.oracle.exact import half_up, money, rounded
from tests.oracle.gas import confirmation_ms, gas_of
from tests.oracle.ledger import Ledger
from tests.oracle.payments import Payment
from tests.oracle.questions import Question, scope_of
from tests.oracle.statistics import (
    durations,
    mean,
    median,
    percentile,
    share,
    sizes,
    total,
    volume,
)

Answer = Any


def payments(ledger: Ledger, asked: Question) -> Answer:
    """Counts, sizes and times of the payments started in the window."""
    cohort = scope_of(ledger, asked).cohort(asked.span)
    settled = [p for p in cohort if p.status == "settled"]
    times, priced = durations(settled), sizes(settled)
    return {
        "totalPayments": len(cohort),
        "successfulPayments": len(settled),
        "failedPayments": sum(p.status == "failed" for p in cohort),
        "totalVolume": money(volume(settled)),
        "totalFees": money(total([p.fee_usd for p in settled])),
        "averagePaymentSize": rounded(mean(priced)),
        "medianPaymentSize": rounded(median(priced)),
        "averageSettlementTime": mean(times),
        "p95SettlementTime": percentile(times, 95),
        "p99SettlementTime": percentile(times, 99),
        "unpricedPayments": sum(p.is_volume and p.amount_usd is None for p in settled),
    }


def networks(ledger: Ledger, asked: Question) -> Answer:
    """The same cohort by network."""
    grouped: dict[str, list[Payment]] = defaultdict(list)
    for payment in scope_of(ledger, asked).cohort(asked.span):
        grouped[payment.network].append(payment)
    rows = [(name, cohort, *decided(cohort)) for name, cohort in grouped.items()]
    rows.sort(key=lambda row: (-volume(row[2]), row[0]))
    return [
        {
            "chainId": name,
            "chainName": name_of(name),
            "totalPayments": len(cohort),
            "successfulPayments": len(settled),
            "failedPayments": failed,
            "totalVolume": money(volume(settled)),
            "totalFees": money(total([p.fee_usd for p in settled])),
            "successRate": share(len(settled), len(cohort), 100),
            **_chain_costs(ledger, name, cohort),
        }
        for name, cohort, settled, failed in rows
    ]


def _chain_costs(ledger: Ledger, network: str, cohort: list[Payment]) -> Answer:
    found = (gas_of(payment, ledger.gas_shares) for payment in cohort)
    costs = [cost for cost in found if cost is not None]
    waits = [confirmation_ms(p) for p in cohort if p.status == "settled"]
    known = [wait for wait in waits if wait is not None]
    chain = CHAINS.get(network)
    coin = Fraction(1, 10**chain.native_decimals) if chain and costs else None
    return {
        "averageGasCost": coin and money(half_up(mean(costs)) * coin),
        "totalGasSpent": coin and money(total(costs) * coin),
        "averageConfirmationTime": mean(known) if known else None,
    }


def decided(cohort: list[Payment]) -> tuple[list[Payment], int]:
    settled = [payment for payment in cohort if payment.status == "settled"]
    return settled, sum(payment.status == "failed" for payment in cohort)


def failures(ledger: Ledger, asked: Question) -> Answer:
    """Failed payments of the cohort by network, stage and reason; no order."""
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    for payment in scope_of(ledger, asked).cohort(asked.span):
        if payment.status == "failed":
            data = payment.stages["failed"].data
            counts[payment.network, data.get("stage", UNKNOWN), data.get("error", "")] += 1
    every = sum(counts.values())
    return [
        {
            "network": network,
            "stage": stage,
            "reason": reason,
            "count": count,
            "share": Fraction(count, every),
        }
        for (network, stage, reason), count in counts.items()
    ]
