"""Events to payments: the winner of each stage, the strongest stage's state, the fields."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

from tests.oracle import chains
from tests.oracle.exact import event_id, exact, instant

STRONGEST_FIRST = ("reversed", "settled", "failed", "pending", "expired", "verified", "received")
FIELDS_FROM = ("settled", "pending", "received", "verified", "failed", "reversed", "expired")
AUTHORIZED_FROM = ("received", "verified", "pending", "failed")
VOLUME_KINDS = ("charge", "sweep")
Event = dict[str, Any]
Key = tuple[int, str]


@dataclass
class Stage:
    """The event that stands for one stage of a payment."""

    at: int
    event_id: str
    data: dict[str, Any]

    @property
    def key(self) -> Key:
        """Earliest wins, then the smaller id."""
        return self.at, self.event_id


@dataclass
class Payment:
    """A payment by its stages; everything else is read from them."""

    payment_id: str
    stages: dict[str, Stage] = field(default_factory=dict)
    refunded_at: int | None = None

    def offer(self, name: str, stage: Stage) -> None:
        """Let an event stand for its stage if it comes before the one that does."""
        best = self.stages.get(name)
        if best is None or stage.key < best.key:
            self.stages[name] = stage

    def at(self, stage: str) -> int | None:
        """When a stage happened; nothing if it did not."""
        return self.stages[stage].at if stage in self.stages else None

    def first(self, *names: str, stages: tuple[str, ...] = FIELDS_FROM) -> Any:
        """The first known value of a field, under any of its names."""
        for stage in stages:
            data = self.stages[stage].data if stage in self.stages else {}
            for name in names:
                if data.get(name) not in (None, ""):
                    return data[name]
        return None

    @property
    def status(self) -> str:
        """The strongest stage seen."""
        return next(stage for stage in STRONGEST_FIRST if stage in self.stages)

    @cached_property
    def network(self) -> str:
        """CAIP-2, or `unknown` while no event named one."""
        return chains.network_of(self.first("network")) or chains.UNKNOWN

    @cached_property
    def payer(self) -> str | None:
        """Who paid, canonical."""
        return chains.address_of(self.first("payer"), self.network)

    @cached_property
    def payee(self) -> str | None:
        """Who was paid, canonical."""
        return chains.address_of(self.first("payee"), self.network)

    @property
    def asset(self) -> str | None:
        """The token; nothing means the network's default."""
        return chains.address_of(self.first("asset"), self.network)

    @cached_property
    def is_volume(self) -> bool:
        """Whether the leg moves money to a seller."""
        return (self.first("kind") or "charge") in VOLUME_KINDS

    @property
    def started_at(self) -> int:
        """When it was received, else the earliest that is known of it."""
        received = self.at("received")
        return received if received is not None else min(s.at for s in self.stages.values())

    @property
    def amount(self) -> Fraction | None:
        """What was settled if known, else what was authorised; in tokens."""
        if self._states_amount("settled"):
            return self._tokens("settled")
        found = (self._tokens(stage) for stage in AUTHORIZED_FROM)
        return next((amount for amount in found if amount is not None), None)

    def _states_amount(self, stage: str) -> bool:
        data = self.stages[stage].data if stage in self.stages else {}
        return any(data.get(name) not in (None, "") for name in ("amount", "amountAtomic"))

    def _tokens(self, stage: str) -> Fraction | None:
        data = self.stages[stage].data if stage in self.stages else {}
        if data.get("amount") not in (None, ""):
            return exact(data["amount"])
        atomic, places = exact(data.get("amountAtomic")), chains.decimals(self.network, self.asset)
        return None if atomic is None or places is None else atomic / 10**places

    @cached_property
    def amount_usd(self) -> Fraction | None:
        """Nothing when the amount is not known or its token has no price."""
        return _times(self.amount, chains.peg(self.network, self.asset))

    @cached_property
    def fee_usd(self) -> Fraction | None:
        """The facilitator's fee: zero when no event named one, nothing when it has no price."""
        fee = exact(self.first("fee"))
        fee_asset = chains.address_of(self.first("feeAsset"), self.network) or self.asset
        return Fraction(0) if fee is None else _times(fee, chains.peg(self.network, fee_asset))

    @property
    def reversal_usd(self) -> Fraction | None:
        """What a reversal takes back: its own amount, else the fee."""
        if not self._states_amount("reversed"):
            return self.fee_usd
        return _times(self._tokens("reversed"), chains.peg(self.network, self.asset))

    @cached_property
    def settlement_ms(self) -> Fraction | None:
        """As the settled event says, else settled minus received; never negative."""
        if "settled" not in self.stages:
            return None
        stated = exact(self.stages["settled"].data.get("settlementTime"))
        if stated is not None and stated >= 0:
            return stated
        received = self.at("received")
        taken = None if received is None else self.stages["settled"].at - received
        return None if taken is None or taken < 0 else Fraction(taken, 1000)


def _times(left: Fraction | None, right: Fraction | None) -> Fraction | None:
    return None if left is None or right is None else left * right


def distinct(events: Iterable[Event]) -> dict[str, Event]:
    """One event per id: repeated deliveries are one."""
    found: dict[str, Event] = {}
    for event in events:
        found.setdefault(event_id(event), event)
    return found


def stage_of(event: Event) -> str | None:
    """The stage an event is about; nothing when it is not about the state of a payment."""
    family, _, stage = event["type"].partition(":")
    if family != "payment" or stage not in STRONGEST_FIRST:
        return None
    if stage == "failed" and event["data"].get("error") == "settlement_pending":
        return "pending"
    return str(stage)


def fold(events: dict[str, Event]) -> dict[str, Payment]:
    """Every payment by its id, in whatever order the events come."""
    payments: dict[str, Payment] = {}
    for identity, event in events.items():
        stage = stage_of(event)
        if stage is None:
            continue
        name = event["data"].get("paymentId") or ""
        if stage == "failed" and name in ("", "unknown"):
            name = f"unnamed failure {identity}"
        payment = payments.setdefault(name, Payment(name))
        payment.offer(stage, Stage(instant(event["data"]["timestamp"]), identity, event["data"]))
    return payments


def expire(payments: Iterable[Payment], now: int, after: int, grace: int) -> None:
    """What the portal does by the clock: open payments expire, pending ones never.

    `after` and `grace` are microseconds: since the start, and after validBefore.
    """
    for payment in payments:
        valid = payment.first("validBefore")
        due = payment.started_at + after if valid is None else instant(valid) + grace
        if payment.status in ("received", "verified") and due <= now:
            payment.offer("expired", Stage(due, "", {}))
