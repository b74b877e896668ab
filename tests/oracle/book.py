"""The money book: revenue and what is taken off it, one line per fact."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from tests.oracle import chains, gas
from tests.oracle.exact import exact, instant
from tests.oracle.payments import Event, Payment

REVENUE_KINDS = ("facilitator_fee", "gas_sponsorship", "premium")


@dataclass(frozen=True)
class Line:
    """Money of one kind at one moment; `usd` is nothing while unpriced. Never negative here."""

    kind: str
    at: int
    network: str
    usd: Fraction | None


def book(events: dict[str, Event], payments: dict[str, Payment]) -> list[Line]:
    """Every line, in no order."""
    lines = [line for payment in payments.values() for line in _payment_lines(payment)]
    lines += _recorded(events, payments)
    lines += _refunds(events, payments)
    lines += _gas(events, payments)
    return lines


def _payment_lines(payment: Payment) -> Iterator[Line]:
    settled_at, reversed_at = payment.at("settled"), payment.at("reversed")
    if settled_at is not None:
        yield Line("facilitator_fee", settled_at, payment.network, payment.fee_usd)
    if reversed_at is not None:
        yield Line("reversal", reversed_at, payment.network, payment.reversal_usd)


def _recorded(events: dict[str, Event], payments: dict[str, Payment]) -> Iterator[Line]:
    for event in events.values():
        if event["type"] != "revenue:recorded":
            continue
        data = event["data"]
        named = payments.get(data.get("paymentId") or "")
        network = chains.network_of(data.get("network"))
        if network is None:
            network = named.network if named else chains.UNKNOWN
        asset = chains.address_of(data.get("asset"), network)
        amount, price = exact(data["amount"]), chains.peg(network, asset)
        usd = None if amount is None or price is None else amount * price
        yield Line(data["kind"], instant(data["timestamp"]), network, usd)


def _refunds(events: dict[str, Event], payments: dict[str, Payment]) -> Iterator[Line]:
    """A refund with an amount is an entry of its own; those without refund the fee, once."""
    whole: dict[str, tuple[int, str]] = {}
    for identity, event in events.items():
        if event["type"] != "payment:refunded":
            continue
        data, at = event["data"], instant(event["data"]["timestamp"])
        payment = payments.get(data["paymentId"]) or Payment(data["paymentId"])
        amount = exact(data.get("amount"))
        if amount is None:
            earliest = whole.get(payment.payment_id, (at, identity))
            whole[payment.payment_id] = min(earliest, (at, identity))
            continue
        network = chains.network_of(data.get("network")) or payment.network
        price = chains.peg(network, chains.address_of(data.get("asset"), network))
        yield Line("refund", at, network, None if price is None else amount * price)
    for name, (at, _) in whole.items():
        payment = payments.get(name) or Payment(name)
        yield Line("refund", at, payment.network, payment.fee_usd)


def _gas(events: dict[str, Event], payments: dict[str, Payment]) -> Iterator[Line]:
    for payment in payments.values():
        if gas.is_metered(payment):
            ended = (payment.at(stage) for stage in ("settled", "failed", "pending"))
            at = next((moment for moment in ended if moment is not None), payment.started_at)
            price = exact(payment.first("nativeUsdPrice"))
            cost = gas.own_gas(payment)
            usd = gas.dollars(cost, payment.network, price)
            yield Line("gas", at, payment.network, usd)
    for batch in gas.batches(events):
        if batch.cost is not None or batch.stage.data.get("gasUsed") is not None:
            network = gas.batch_network(batch, payments)
            price = exact(batch.stage.data.get("nativeUsdPrice"))
            yield Line("gas", batch.stage.at, network, gas.dollars(batch.cost, network, price))
