"""What a set of events makes of a payment; each requirement of the protocol by its name."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import InternalError, connection
from django.db.utils import IntegrityError

from billing.models import Asset, BatchPayment, Network, Payment, RevenueRecord, SettlementBatch
from billing.registry import register_asset, register_network, set_native_price
from tests.builders import ask
from tests.ingest.events import NOW, event, failed, payment, post, received, settled

pytestmark = pytest.mark.django_db


def book(**filters: object) -> list[tuple[str, Decimal | None, Decimal | None]]:
    """The money book as (kind, amount, USD), ordered."""
    rows = RevenueRecord.objects.filter(**filters).order_by("kind", "amount")
    return [(row.kind, row.amount, row.amount_usd) for row in rows]


def test_settled_alone_counts_and_a_late_received_fills_it_in() -> None:
    post(settled("p", fee="0.5"))
    alone = payment("p")
    assert (alone.status, alone.amount, alone.network_id) == ("settled", None, "unknown")
    assert (alone.fee_usd, alone.started_at) == (Decimal("0.5"), alone.settled_at)

    post(received("p", at=-7_200_000, amount="12.5"))
    filled = payment("p")
    assert (filled.status, filled.amount_usd) == ("settled", Decimal("12.5"))
    assert (filled.payer, filled.payee, filled.network_id) == ("0xaa", "0xbb", "eip155:8453")
    assert filled.started_at == filled.received_at
    assert book() == [("facilitator_fee", Decimal("0.5"), Decimal("0.5"))]


def test_pending_is_not_failed_and_a_later_settled_wins() -> None:
    post(received("p"), failed("p", error="settlement_pending", transaction="0xT"))
    pending = payment("p")
    assert (pending.status, pending.failed_at, pending.transaction) == ("pending", None, "0xt")
    post(settled("p", at=60_000))
    assert payment("p").status == "settled"


def test_pending_leaves_success_rate_and_failed_counts_unchanged() -> None:
    post(received("p"), received("q"), settled("q"), received("r"), failed("r", error="x"))
    slugs = ("payments", "networks", "failures", "dashboard")
    before = {slug: ask(slug, as_of="") for slug in slugs}
    assert (before["payments"]["failedPayments"], before["networks"][0]["totalPayments"]) == (1, 3)
    post(failed("p", error="settlement_pending", transaction="0xT"))
    assert payment("p").status == "pending"
    assert {slug: ask(slug, as_of="") for slug in slugs} == before


def test_failed_then_settled_is_settled_and_settled_then_failed_stays() -> None:
    post(received("p"), failed("p", at=1000, error="transaction_failed"), settled("p", at=2000))
    post(failed("p", at=3000, error="transaction_failed"))
    assert payment("p").status == "settled"


def test_a_failure_without_id_is_its_own_payment() -> None:
    post(
        failed("", error="invalid_signature"),
        failed("unknown", at=5, error="invalid_signature"),
        failed("unknown", at=6, error="invalid_signature"),
    )
    assert Payment.objects.filter(status="failed").count() == 3


def test_identity_is_the_payment_not_the_transaction() -> None:
    post(*[settled(f"p{n}", transaction="0xSame", network="base") for n in range(4)])
    assert Payment.objects.filter(transaction="0xsame", status="settled").count() == 4
    assert ask("payments", as_of="")["successfulPayments"] == 4


def test_the_same_authorization_settled_twice_counts_once() -> None:
    post(received("p"), settled("p", transaction="0x1"))
    assert post(settled("p", at=2000, transaction="0x1")).accepted == 1
    figures = ask("payments", as_of="")
    assert (figures["totalPayments"], figures["totalVolume"]) == (1, "10.000000")
    assert book() == [("facilitator_fee", Decimal("0.03"), Decimal("0.03"))]


def test_two_upto_settlements_of_zero_do_not_collide() -> None:
    post(received("a"), received("b"))
    post(
        settled("a", amount="0", transaction="", scheme="upto"),
        settled("b", amount="0", transaction="", scheme="upto"),
    )
    assert [payment(p).amount_usd for p in "ab"] == [0, 0]
    assert [payment(p).transaction for p in "ab"] == [None, None]


@pytest.mark.parametrize("atomic", [2**53 + 1, 10**24 + 1, 2**256 - 1])
def test_exact_money_survives_to_the_last_atomic_unit(atomic: int) -> None:
    post(received("p", amount=None, amountAtomic=str(atomic)))
    assert payment("p").amount_atomic == atomic
    assert payment("p").amount == Decimal(atomic).scaleb(-6, None) or atomic > 10**27
    with connection.cursor() as cursor:
        cursor.execute("select amount * 1000000 = amount_atomic from billing_payment")
        assert cursor.fetchone() == (True,)


def test_ten_thousand_micro_payments_add_up_exactly() -> None:
    post(*[settled(f"p{n}", amount="0.000001", fee="0.000001") for n in range(10_000)])
    with connection.cursor() as cursor:
        cursor.execute("select sum(amount_usd), sum(fee_usd) from billing_payment")
        assert cursor.fetchone() == (Decimal("0.010000"), Decimal("0.010000"))


def test_decimals_come_from_the_registry() -> None:
    mega = "eip155:4326"
    post(received("p", amount=None, amountAtomic=str(10**16), network=mega))
    assert payment("p").amount_usd == Decimal("0.01")


def test_an_unknown_asset_is_unpriced_until_registered() -> None:
    token = "0xDEAD00000000000000000000000000000000BEEF"
    post(
        received("p", amount=None, amountAtomic="2500000000", asset=token),
        settled("p", fee="0.001", feeAsset=token),
    )
    assert (payment("p").amount_usd, payment("p").fee_usd) == (None, None)
    assert payment("p").amount_atomic == 2_500_000_000
    unknown = Asset.objects.get(address=token.lower())
    assert (unknown.decimals, unknown.usd_peg) == (None, None)

    base = Network.objects.get(pk="eip155:8453")
    register_asset(base, token, symbol="TKN", decimals=8, usd_peg=Decimal("2"))
    priced = payment("p")
    assert (priced.amount, priced.amount_usd) == (Decimal("25"), Decimal("50"))
    assert book() == [("facilitator_fee", Decimal("0.001"), Decimal("0.002"))]


def test_an_unregistered_network_is_listed_and_unpriced_until_registered() -> None:
    post(received("p", network="eip155:999999"), settled("p"))
    network = Network.objects.get(pk="eip155:999999")
    assert (network.is_registered, payment("p").amount_usd) == (False, None)
    register_network("eip155:999999", name="New chain")
    assert payment("p").amount_usd == 10


def test_evm_addresses_fold_case_and_solana_ones_do_not() -> None:
    solana = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
    post(
        received("e", payer="0xABCDEF"),
        received("s", network="solana", payer="SoLaddr", asset=None),
    )
    assert payment("e").payer == "0xabcdef"
    assert (payment("s").payer, payment("s").network_id) == ("SoLaddr", solana)


def test_solana_payers_that_differ_in_case_are_two() -> None:
    for name, payer in (("p", "SoLaddr"), ("q", "soladdr")):
        post(received(name, network="solana", payer=payer), settled(name))
    assert [row["address"] for row in ask("top-payers", as_of="")] == ["SoLaddr", "soladdr"]


def test_legacy_network_names_are_the_same_chain() -> None:
    post(received("a", network="base"), received("b", network="Base_Sepolia"))
    assert payment("a").network_id == "eip155:8453"
    assert payment("b").network_id == "eip155:84532"


def test_authorized_and_settled_amounts_are_apart() -> None:
    post(received("p", amount="5.00", scheme="upto"), settled("p", amount="2.35"))
    row = payment("p")
    assert (row.authorized_amount, row.settled_amount) == (Decimal("5"), Decimal("2.35"))
    assert row.amount_usd == Decimal("2.35")


@pytest.mark.parametrize(
    ("kind", "is_volume"),
    [("charge", True), ("sweep", True), ("deposit", False), ("claim", False), ("voucher", False)],
)
def test_only_charges_and_sweeps_are_volume(kind: str, is_volume: bool) -> None:
    post(received("p", kind=kind), settled("p"))
    assert payment("p").is_volume is is_volume


def test_settlement_time_is_the_events_else_the_difference_and_never_negative() -> None:
    post(received("given"), settled("given", settlementTime=900))
    post(received("difference"), settled("difference", at=2500))
    post(received("negative", at=5000), settled("negative", at=1000))
    post(received("bad"), settled("bad", at=700, settlementTime=-3))
    times = [payment(p).settlement_ms for p in ("given", "difference", "negative", "bad")]
    assert times == [900, 2500, None, 700]


def test_confirmation_time_is_block_time_minus_broadcast() -> None:
    post(
        received("p"),
        settled("p", at=5000, settlementTime=2000, blockTimestamp=NOW + 4500),
        settled("q", at=5000, settlementTime=2000),
    )
    assert (payment("p").confirmation_ms, payment("q").confirmation_ms) == (1500, None)


def test_gas_cost_is_exact_to_the_wei_and_null_before_it_is_known() -> None:
    post(received("none"), settled("none"))
    post(
        received("base"),
        settled(
            "base",
            gasUsed="0xEA60",
            effectiveGasPrice=1_000_001,
            l1Fee="7",
            nativeUsdPrice="2000",
        ),
    )
    assert payment("none").gas_cost is None
    assert payment("base").gas_cost == 60_000 * 1_000_001 + 7
    assert payment("base").gas_usd == Decimal("0.000120000120014")
    assert ("gas", Decimal("-0.000000060000060007"), Decimal("-0.000120000120014")) in book()


def test_a_reverted_transaction_costs_gas_too() -> None:
    gas = {"gasUsed": 50_000, "effectiveGasPrice": 10}
    post(received("p"), failed("p", error="transaction_failed", transaction="0x1", **gas))
    assert payment("p").gas_cost == 500_000
    post(settled("p", at=9000, transaction="0x2", **gas))
    assert payment("p").gas_cost == 1_000_000


def test_gas_on_solana_is_the_fee_in_lamports() -> None:
    post(received("p", network="solana"))
    assert payment("p").gas_cost is None
    post(settled("p", gasCostAtomic="5001", nativeUsdPrice="200"))
    assert (payment("p").gas_cost, payment("p").gas_usd) == (5001, Decimal("0.0010002"))
    assert book(kind="gas") == [("gas", Decimal("-0.000005001"), Decimal("-0.0010002"))]


def test_net_revenue_is_fees_less_gas_of_each_network() -> None:
    gas: dict[str, Any] = {
        "gasUsed": 100_000,
        "effectiveGasPrice": 10**9,
        "nativeUsdPrice": "2000",
    }
    post(received("p"), settled("p", fee="0.5", **gas))
    post(received("q", network="solana"))
    post(settled("q", fee="0.03", gasCostAtomic="5000", nativeUsdPrice="200"))
    nets = {
        name: ask("revenue", as_of="", network=name)["netRevenue"] for name in ("base", "solana")
    }
    # 0.0001 ETH at 2,000 USD; 0.000005 SOL at 200 USD
    assert nets == {"base": "0.300000", "solana": "0.029000"}


def test_gas_is_priced_by_staff_when_no_event_does() -> None:
    post(received("p"), settled("p", gasUsed=100_000, effectiveGasPrice=10**10))
    assert book(kind="gas") == [("gas", Decimal("-0.001"), None)]
    base = Network.objects.get(pk="eip155:8453")
    set_native_price(base, Decimal("3000"), payment("p").started_at)  # type: ignore[arg-type]  # started
    assert book(kind="gas") == [("gas", Decimal("-0.001"), Decimal("-3"))]


def test_batch_gas_is_split_exactly_in_any_order() -> None:
    batch = event(
        "batch:settled",
        batchId="b",
        gasUsed=100_001,
        effectiveGasPrice=1,
        paymentIds=["p3", "p1", "p2"],
        totalFees="0.09",
    )
    post(received("p1"), settled("p1"))
    post(batch)
    post(received("p2"), settled("p2"), received("p3"))
    shares = dict(BatchPayment.objects.values_list("payment_id", "gas_share"))
    assert shares == {"p1": 33_334, "p2": 33_334, "p3": 33_333}
    assert [payment(p).gas_cost for p in ("p1", "p2", "p3")] == [33_334, 33_334, 33_333]
    row = SettlementBatch.objects.get()
    assert (row.network_id, row.gas_cost, row.payment_count) == ("eip155:8453", 100_001, 3)
    assert payment("p3").status == "received"  # a batch settles nothing by itself


def test_a_payment_only_named_by_a_batch_is_in_no_list() -> None:
    post(event("batch:settled", batchId="b", gasUsed=1, paymentIds=["ghost"]))
    assert payment("ghost").status is None
    assert payment("ghost").started_at is None


def test_refunds_and_reversals_are_negative_rows_beside_the_fee() -> None:
    post(received("p"), settled("p", fee="0.03"))
    post(event("payment:refunded", "p", at=5000, amount="0.01", id="r1"))
    post(event("payment:refunded", "p", at=6000, amount="0.005", id="r2"))
    post(event("payment:reversed", "p", at=7000))
    assert payment("p").status == "reversed"
    assert book() == [
        ("facilitator_fee", Decimal("0.03"), Decimal("0.03")),
        ("refund", Decimal("-0.01"), Decimal("-0.01")),
        ("refund", Decimal("-0.005"), Decimal("-0.005")),
        ("reversal", Decimal("-0.03"), Decimal("-0.03")),
    ]


def test_a_refund_before_its_payment_follows_the_payments_network() -> None:
    post(event("payment:refunded", "p", amount="0.01", id="r"))
    assert RevenueRecord.objects.get().network_id == "unknown"
    post(received("p", network="eip155:84532"))
    assert RevenueRecord.objects.get().network_id == "eip155:84532"


def test_settled_events_that_disagree_are_disputed() -> None:
    first = post(received("p"), settled("p", at=2000, transaction="0x1"))
    second = post(settled("p", at=1000, transaction="0x2"))
    assert (first.accepted, second.accepted) == (2, 1)
    assert payment("p").is_disputed
    assert payment("p").transaction == "0x2"  # the earlier one
    post(received("q"), settled("q"), settled("q", at=2000, transaction="0x9"))
    assert not payment("q").is_disputed  # one only said more


def test_revenue_of_other_kinds_enters_by_event() -> None:
    post(
        event("revenue:recorded", kind="premium", amount="5", network="base", id="a"),
        event("revenue:recorded", kind="gas_sponsorship", amount="0.25", network="base", id="b"),
    )
    assert book() == [
        ("gas_sponsorship", Decimal("0.25"), Decimal("0.25")),
        ("premium", Decimal("5"), Decimal("5")),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        *(
            change.format(kind)
            for kind in ("refund", "reversal", "gas")
            for change in (
                "update billing_revenuerecord set amount = 1000 where kind = '{}'",
                "delete from billing_revenuerecord where kind = '{}'",
            )
        ),
        "update billing_event set type = 'x'",
        "delete from billing_event",
        "truncate billing_event",
        "delete from billing_payment",
        "update billing_revenuerecord set amount = 1000 where kind = 'premium'",
        "update billing_revenuerecord set amount = 1000 where kind = 'facilitator_fee'",
        "delete from billing_revenuerecord where kind = 'premium'",
        "delete from billing_revenuerecord where kind = 'facilitator_fee'",
        "truncate billing_revenuerecord",
        "delete from billing_rejectedevent",
    ],
)
def test_the_ledger_and_all_other_facts_are_append_only(statement: str) -> None:
    post(
        received("p"),
        settled("p", gasUsed=5, effectiveGasPrice=7),
        event("payment:refunded", "p", 5000, amount="0.01"),
        event("payment:reversed", "p", 9000),
        event("revenue:recorded", kind="premium", amount="5", network="base", id="a"),
        5,
    )
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")
        with pytest.raises((IntegrityError, InternalError), match="refused"):
            cursor.execute(statement)


def test_an_expired_event_ends_a_payment_that_never_went_on() -> None:
    post(received("p"), event("payment:expired", "p", at=3000))
    assert payment("p").status == "expired"
    post(settled("p", at=9000))
    assert payment("p").status == "settled"


def test_a_network_called_unknown_is_none() -> None:
    post(received("p"), settled("p", network="Unknown"))
    assert payment("p").network_id == "eip155:8453"


def test_an_authorization_without_end_stays_open() -> None:
    post(received("p", validBefore=str(2**256 - 1)))
    assert payment("p").valid_before == datetime(9999, 12, 31, tzinfo=UTC)


def test_an_atomic_amount_of_unknown_decimals_is_not_the_authorized_one() -> None:
    post(received("p", network="", amount="5"), settled("p", amountAtomic="2350000"))
    assert (payment("p").amount, payment("p").authorized_amount) == (None, Decimal(5))
    post(event("payment:verified", "p", network="base"))
    assert payment("p").amount_usd == Decimal("2.35")


def test_a_reversed_atomic_amount_of_unknown_decimals_is_unpriced_not_the_fee() -> None:
    post(settled("p", network="eip155:777", fee="0.5", asset="0xF", feeAsset="USD"))
    post(event("payment:reversed", "p", at=9000, amountAtomic="123"))
    assert book(kind="reversal") == [("reversal", None, None)]


def test_gas_of_one_transaction_in_two_spellings_counts_once() -> None:
    gas = {"gasUsed": 7, "effectiveGasPrice": 2}
    post(received("p"), failed("p", at=900, error="x", transaction="0xAb", **gas))
    post(settled("p", transaction="0xaB", **gas))
    assert payment("p").gas_cost == 14


def test_a_number_in_two_notations_is_no_dispute() -> None:
    post(settled("p", fee="00.5", amount="007"), settled("p", at=1001, fee="0.5", amount=7))
    assert not payment("p").is_disputed


def test_a_symbol_that_nobody_knew_is_priced_once_it_is_registered() -> None:
    post(received("p", asset="EURT"), settled("p"))
    base = Network.objects.get(pk="eip155:8453")
    register_asset(base, "0xEE", symbol="EURT", decimals=6, usd_peg=Decimal("1.1"))
    assert payment("p").amount_usd == 11


def test_a_default_asset_is_found_in_any_spelling() -> None:
    post(received("p", network="eip155:777"))
    network = register_network("eip155:777", default_asset="0xAbC")
    register_asset(network, "0xAbC", decimals=6, usd_peg=Decimal(1))
    assert payment("p").amount_usd == 10


def test_gas_of_a_batch_follows_the_registration_of_its_network() -> None:
    batch = event("batch:settled", batchId="b", gasUsed=3, effectiveGasPrice=1, network="solana:x")
    post(batch)
    assert book() == [("gas", None, None)]
    register_network("solana:x", native_symbol="X", native_decimals=9)
    assert book(asset="X") == [("gas", Decimal("-3e-9"), None)]


def test_an_atomic_refund_follows_the_registration_of_its_asset() -> None:
    refund = event("payment:refunded", "p", at=5, amountAtomic="15000", asset="0xF", id="r")
    post(received("p", network="eip155:777"), refund)
    assert book() == [("refund", None, None)]
    register_asset(Network.objects.get(pk="eip155:777"), "0xF", decimals=4, usd_peg=Decimal(2))
    assert book() == [("refund", Decimal("-1.5"), Decimal(-3))]
