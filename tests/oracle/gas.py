"""Gas: what each payment burned, its exact share of batches, and how long the chain took."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.oracle import chains
from tests.oracle.exact import exact, instant
from tests.oracle.payments import Event, Payment, Stage

BURNING_STAGES = ("settled", "pending", "failed", "reversed")


def burned(data: dict[str, Any]) -> Fraction | None:
    """Atomic units of the native coin that one event states."""
    stated = exact(data.get("gasCostAtomic"))
    used, price = exact(data.get("gasUsed")), exact(data.get("effectiveGasPrice"))
    if stated is not None or used is None or price is None:
        return stated
    return used * price + (exact(data.get("l1Fee")) or Fraction(0))


def own_gas(payment: Payment) -> Fraction | None:
    """The payment's own gas; a failed transaction before the settled one adds to it."""
    costs = {name: burned(stage.data) for name, stage in payment.stages.items()}
    settling = costs.get("settled")
    settling = costs.get("pending") if settling is None else settling
    failing = costs.get("failed")
    if _has_two_transactions(payment):
        both = [cost for cost in (settling, failing) if cost is not None]
        return sum(both, Fraction(0)) if both else None
    known = [costs.get(stage) for stage in BURNING_STAGES]
    return next((cost for cost in known if cost is not None), None)


def _has_two_transactions(payment: Payment) -> bool:
    settling = payment.first("transaction", stages=("settled", "pending"))
    failing = payment.first("transaction", stages=("failed",))
    return bool(settling and failing and settling != failing)


def gas_of(payment: Payment, shares: dict[str, Fraction]) -> Fraction | None:
    """Own gas and shares of batches; nothing when neither is known."""
    own, share = own_gas(payment), shares.get(payment.payment_id)
    return None if own is None and share is None else (own or Fraction(0)) + (share or Fraction(0))


def is_metered(payment: Payment) -> bool:
    """Whether the book has a line for its gas, priced or not."""
    used = payment.first("gasUsed", stages=BURNING_STAGES)
    return own_gas(payment) is not None or used is not None


def dollars(cost: Fraction | None, network: str, price: Fraction | None) -> Fraction | None:
    """USD of atomic units; nothing while cost, coin or price is not known."""
    chain = chains.CHAINS.get(network)
    if cost is None or price is None or chain is None:
        return None
    units: int = 10**chain.native_decimals
    return cost * price / units


@dataclass(frozen=True)
class Batch:
    """The winning event of a batch, and the payments it names, in order."""

    stage: Stage
    named: list[str]

    @property
    def cost(self) -> Fraction | None:
        """Atomic units."""
        return burned(self.stage.data)

    def shares(self) -> Iterator[tuple[str, Fraction]]:
        """Equal whole shares; what is left goes one unit each to the first."""
        if self.cost is None or not self.named:
            return
        whole, left = divmod(int(self.cost), len(self.named))
        for position, name in enumerate(self.named):
            yield name, Fraction(whole + (position < left))


def batches(events: dict[str, Event]) -> list[Batch]:
    """Every batch by its earliest event."""
    found: dict[str, Batch] = {}
    for identity, event in events.items():
        if event["type"] != "batch:settled":
            continue
        data = event["data"]
        stage = Stage(instant(data["timestamp"]), identity, data)
        known = found.get(data["batchId"])
        if known is None or stage.key < known.stage.key:
            named = sorted(set(data.get("paymentIds") or []), key=str.encode)
            found[data["batchId"]] = Batch(stage, named)
    return list(found.values())


def shares_of(found: Iterable[Batch]) -> dict[str, Fraction]:
    """What each payment owes of all batches that name it."""
    shares: dict[str, Fraction] = {}
    for batch in found:
        for name, share in batch.shares():
            shares[name] = shares.get(name, Fraction(0)) + share
    return shares


def batch_network(batch: Batch, payments: dict[str, Payment]) -> str:
    """Its own, else that of the payments it names."""
    own = chains.network_of(batch.stage.data.get("network"))
    if own is not None:
        return own
    named = {payments[name].network for name in batch.named if name in payments}
    return min(named - {chains.UNKNOWN}, default=chains.UNKNOWN)


def confirmation_ms(payment: Payment) -> Fraction | None:
    """Block time less the moment it was sent to the chain; nothing when not known or negative."""
    settled = payment.stages.get("settled")
    if settled is None or settled.data.get("blockTimestamp") is None:
        return None
    taken = exact(settled.data.get("settlementTime"))
    if taken is not None and taken >= 0:
        sent = settled.at - taken * 1000
    else:
        begun = payment.at("pending")
        begun = payment.at("received") if begun is None else begun
        if begun is None:
            return None
        sent = Fraction(begun)
    found = (instant(settled.data["blockTimestamp"]) - sent) / 1000
    return found if found >= 0 else None
