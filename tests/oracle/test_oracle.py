"""The oracle itself, against figures worked out by hand."""

import ast
import json
import sys
from datetime import date
from fractions import Fraction
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.exact import Number, event_id, instant, money, parse, rounded
from tests.oracle.recompute import REPORTS, Ledger, Question, recompute

NOON = 1_790_000_000_000  # 2026-09-21T14:13:20Z
NOW = NOON * 1000 + 3_600_000_000
BASE, SEPOLIA = "eip155:8453", "eip155:84532"
ALICE, BOB, SHOP = "0xa11ce", "0xb0b", "0x5b09"


def event(kind: str, payment: str, at: int, /, **data: Any) -> dict[str, Any]:
    content = {"paymentId": payment, "timestamp": NOON + at, **data}
    return parse(json.dumps({"id": f"{payment}/{kind}/{at}", "type": kind, "data": content}))


def received(payment: str, at: int = 0, **data: Any) -> dict[str, Any]:
    facts = {"payer": ALICE, "payee": SHOP, "amount": "2", "network": BASE} | data
    return event("payment:received", payment, at, **facts)


def settled(payment: str, at: int = 1000, **data: Any) -> dict[str, Any]:
    return event("payment:settled", payment, at, **({"fee": "0.006"} | data))


def ask(report: str, ledger: Ledger, **question: Any) -> Any:
    return REPORTS[report](ledger, Question(as_of=NOW, **question))


def test_it_imports_the_standard_library_and_itself_only() -> None:
    for path in Path(__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                own = name.startswith("tests.oracle.") or name == "tests.oracle"
                assert own or name.partition(".")[0] in {*sys.stdlib_module_names, "pytest"}, name


def test_a_payment_is_the_same_whatever_the_order_and_repetition() -> None:
    events = [received("p"), event("payment:verified", "p", 100), settled("p", payee="0xOTHER")]
    answers = [
        ask("payments", recompute([*order, order[0]]))
        | {"top": ask("top-payees", recompute(order))}
        for order in permutations(events)
    ]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["totalVolume"] == "2.000000"
    assert answers[0]["totalFees"] == "0.006000"
    assert answers[0]["averageSettlementTime"] == 1000
    assert [row["address"] for row in answers[0]["top"]] == ["0xother"]


def test_the_earliest_event_of_a_stage_wins_with_all_its_fields() -> None:
    ledger = recompute([settled("p", 2000, fee="9"), settled("p", 1500, fee=None, amount="3")])
    assert ask("payments", ledger)["totalFees"] == "0.000000"
    assert ask("payments", ledger)["totalVolume"] == "3.000000"
    assert ask("revenue-breakdown", ledger)["total"] == "0.000000"


def test_states_rank_from_reversed_down_to_received() -> None:
    failed = event("payment:failed", "p", 500, error="transaction_failed")
    pending = event("payment:failed", "p", 400, error="settlement_pending")
    chain = [received("p"), event("payment:verified", "p", 10), pending, failed, settled("p")]
    statuses = [recompute(chain[: n + 1]).payments[0].status for n in range(len(chain))]
    assert statuses == ["received", "verified", "pending", "failed", "settled"]
    assert recompute([*chain, event("payment:reversed", "p", 9000)]).payments[0].status == (
        "reversed"
    )


def test_a_pending_settlement_is_no_failure() -> None:
    pending = event("payment:failed", "p", 400, error="settlement_pending")
    answer = ask("dashboard", recompute([received("p"), pending, received("q"), settled("q")]))
    assert answer["summary"]["successRate"] == 50
    assert answer["health"]["errorRate"] == 0
    assert answer["health"]["pendingPayments"] == 1


def test_failures_without_a_payment_are_each_their_own() -> None:
    nameless = [
        event("payment:failed", "unknown", n, error="insufficient_funds", network=BASE)
        for n in range(3)
    ]
    rows = ask("failures", recompute([*nameless, nameless[0]]))
    assert [(row["network"], row["count"], row["share"]) for row in rows] == [(BASE, 3, 1)]


def test_a_settled_amount_below_the_authorised_one_is_what_counts() -> None:
    ledger = recompute([received("p", amount="5.00"), settled("p", amount="2.35")])
    assert ask("payments", ledger)["totalVolume"] == "2.350000"


def test_atomic_amounts_use_the_decimals_of_the_token() -> None:
    atomic: dict[str, Any] = {
        "amount": None,
        "amountAtomic": "10000000000000000",
        "network": "eip155:4326",
    }
    ledger = recompute([received("p", **atomic), settled("p")])
    assert ask("payments", ledger)["totalVolume"] == "0.010000"


def test_deposits_are_no_volume_and_sweeps_are() -> None:
    ledger = recompute(
        [settled("d", amount="100", kind="deposit"), settled("s", amount="7", kind="sweep")]
    )
    assert ask("payments", ledger)["totalPayments"] == 2
    assert ask("payments", ledger)["totalVolume"] == "7.000000"
    assert ask("payments", ledger)["averagePaymentSize"] == "7.000000"


def test_a_reversal_takes_the_payment_out_and_keeps_the_fee_in_gross_revenue() -> None:
    ledger = recompute([received("p"), settled("p"), event("payment:reversed", "p", 5000)])
    assert ask("payments", ledger)["totalVolume"] == "0.000000"
    revenue = ask("revenue", ledger)
    assert (revenue["totalRevenue"], revenue["reversals"]) == ("0.006000", "0.006000")


def test_refunds_are_their_amount_or_else_the_fee_once() -> None:
    whole = [event("payment:refunded", "p", at) for at in (5000, 6000)]
    part = event("payment:refunded", "p", 7000, amount="0.5")
    ledger = recompute([received("p"), settled("p"), *whole, part])
    assert ask("revenue", ledger)["refunds"] == "0.506000"


def test_testnets_and_strangers_are_out_and_the_unknown_is_in() -> None:
    ledger = recompute(
        [
            settled("a", amount="1", network=SEPOLIA),
            settled("b", amount="10", network="eip155:999999"),
            settled("c", amount="100"),
        ]
    )
    assert ask("payments", ledger)["totalPayments"] == 1
    assert ask("payments", ledger)["totalVolume"] == "100.000000"
    everything = ask("payments", ledger, include_testnets=True)
    assert everything["totalPayments"] == 3
    assert everything["totalVolume"] == "101.000000"  # the stranger's token has no price
    assert everything["averagePaymentSize"] == "50.500000"


def test_names_of_version_one_and_capitals_are_the_same_network_and_account() -> None:
    ledger = recompute(
        [
            received("p", network="base", payer="0xA11CE"),
            settled("p"),
            received("q"),
            settled("q", 3000),
        ]
    )
    assert [row["chainId"] for row in ask("networks", ledger)] == [BASE]
    assert ask("top-payers", ledger) == [
        {
            "address": ALICE,
            "totalPaid": "4.000000",
            "paymentCount": 2,
            "lastPayment": NOON + 3000,
        }
    ]


def test_ranks_medians_and_quotients() -> None:
    ledger = recompute(
        [settled(f"p{n}", amount=f"{n}", settlementTime=n * 10) for n in (1, 2, 3, 5)]
    )
    answer = ask("payments", ledger)
    assert answer["medianPaymentSize"] == "2.500000"
    assert answer["averagePaymentSize"] == "2.750000"
    assert answer["averageSettlementTime"] == Fraction(55, 2)
    assert answer["p95SettlementTime"] == 50
    assert rounded(Fraction(2, 3)) == "0.666667"
    assert rounded(Fraction(-1, 2_000_000)) == "-0.000001"
    assert money(Fraction(1, 2**60)).startswith("0.000000000000000000867361737988403547")


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", {"2026-09-21": 2}),
        ("Asia/Kathmandu", {"2026-09-21": 1, "2026-09-22": 1}),  # midnight is 18:15 UTC
    ],
)
def test_days_follow_the_zone(zone: str, expected: dict[str, int]) -> None:
    quarter_past_six = 4 * 3_600_000 + 100_000  # 18:15:00 UTC
    ledger = recompute([settled("a", quarter_past_six - 1), settled("b", quarter_past_six)])
    question = Question(as_of=NOW + 6 * 3_600_000_000, tz=zone, days=3)
    rows = REPORTS["revenue-daily"](ledger, question)
    assert len(rows) == 3
    assert {row["date"]: row["payments"] for row in rows if row["payments"]} == expected


def test_a_day_of_twenty_five_hours_has_its_repeated_hour_in_one_row() -> None:
    # St. John's goes from 02:00 NDT (04:30 UTC) back to 01:00 NST on 2026-11-01
    first, second = "2026-11-01T04:00:00Z", "2026-11-01T05:00:00Z"
    events = [
        settled(name, timestamp=when, amount="1") for name, when in (("a", first), ("b", second))
    ]
    as_of = instant("2026-11-10T00:00:00Z")
    question = Question(as_of=as_of, tz="America/St_Johns", day=date(2026, 11, 1))
    rows = REPORTS["hourly-stats"](recompute(events), question)
    assert [(row["hour"], row["payments"]) for row in rows if row["payments"]] == [(1, 2)]
    assert len(rows) == 24


def test_growth_compares_the_later_half_of_the_days_with_the_earlier() -> None:
    day = 86_400_000
    ledger = recompute([settled("old", -20 * day, fee="2"), settled("new", fee="3")])
    assert ask("revenue", ledger, window="30d")["growthRate"] == 50
    assert ask("revenue", ledger, window="7d")["growthRate"] == 0


def test_revenue_is_the_sum_of_its_three_kinds() -> None:
    lines = [
        {"kind": "premium", "amount": "49", "network": BASE},
        {"kind": "gas_sponsorship", "amount": "0.02", "paymentId": "p"},
        {"kind": "premium", "amount": "1", "network": SEPOLIA},
    ]
    recorded = [
        {"id": f"r{n}", "type": "revenue:recorded", "data": line | {"timestamp": NOON}}
        for n, line in enumerate(lines)
    ]
    answer = ask("revenue-breakdown", recompute([received("p"), settled("p"), *recorded]))
    kinds = ("facilitatorFees", "gasSponsorship", "premiumFeatures", "total")
    assert [answer[kind] for kind in kinds] == ["0.006000", "0.020000", "49.000000", "49.026000"]
    assert answer["netRevenue"] == "49.026000"


def test_a_window_excludes_its_beginning_and_includes_its_end() -> None:
    hour = 3_600_000
    events = [received(name, at) for name, at in (("out", 0), ("in", 1), ("end", hour))]
    assert ask("payments", recompute(events), window="1h")["totalPayments"] == 2


def test_identity_ignores_the_order_of_keys_and_keeps_number_tokens() -> None:
    one = parse('{"type":"t","data":{"a":1.0,"b":"x"}}')
    same = parse('{"data": {"b": "x", "a": 1.0}, "type": "t", "extra": 1}')
    other = parse('{"type":"t","data":{"a":1,"b":"x"}}')
    assert event_id(one) == event_id(same) != event_id(other)
    # printf '{"data":{"a":1.0,"b":"x"},"type":"t"}' | sha256sum
    assert event_id(one) == ("51731d3cca5dc6c189e94040e1e14c7137fb17145ea44244e0bb2588722f6f0f")
    assert isinstance(one["data"]["a"], Number)


def test_open_payments_expire_by_the_clock_and_pending_ones_do_not() -> None:
    pending = event("payment:failed", "q", 1, error="settlement_pending")
    events = [received("p"), received("q"), pending]
    before = recompute(events, expired_by=NOON * 1000 + 3_599_999_999)
    after = recompute(events, expired_by=NOON * 1000 + 3_600_000_000)
    assert ask("realtime", before)["pendingSettlements"] == 2
    assert ask("realtime", after)["pendingSettlements"] == 1


def test_gas_is_exact_to_the_last_unit_and_batches_are_split_whole() -> None:
    own: dict[str, Any] = {
        "gasUsed": 21000,
        "effectiveGasPrice": "10",
        "l1Fee": "7",
        "nativeUsdPrice": "2000",
    }
    batch = parse(
        json.dumps(
            {
                "id": "b",
                "type": "batch:settled",
                "data": {
                    "batchId": "b",
                    "timestamp": NOON,
                    "network": BASE,
                    "paymentIds": ["q", "p", "r"],
                    "gasUsed": 1,
                    "effectiveGasPrice": 5,
                },
            }
        )
    )
    parts = [received(name) for name in "pqr"] + [settled("p", **own), settled("q"), batch]
    ledger = recompute(parts)
    assert ledger.gas_shares == {"p": 2, "q": 2, "r": 1}
    row = ask("networks", ledger)[0]
    assert row["totalGasSpent"] == "0.000000000000210012"  # 210007 of its own and the batch's 5
    assert row["averageGasCost"] == "0.000000000000070004"
    revenue = ask("revenue", ledger)
    assert revenue["gasCosts"] == "0.000000000420014"
    assert (revenue["netRevenue"], revenue["unpricedGas"]) == (None, 1)


def test_a_reverted_transaction_before_the_settled_one_costs_too() -> None:
    first = {"transaction": "0x1", "gasCostAtomic": "3"}
    failed = event("payment:failed", "p", 500, error="transaction_failed", **first)
    then = settled("p", transaction="0x2", gasCostAtomic="4")
    row = ask("networks", recompute([received("p"), failed, then]))[0]
    assert row["totalGasSpent"] == "0.000000000000000007"


def test_confirmation_is_block_time_less_the_moment_of_sending() -> None:
    block = {"settlementTime": 300, "blockTimestamp": NOON + 1900}
    row = ask("networks", recompute([received("p"), settled("p", **block)]))[0]
    assert row["averageConfirmationTime"] == 1200
