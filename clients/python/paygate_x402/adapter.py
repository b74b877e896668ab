"""Wires a facilitator, or any emitter of events, to the portal."""

import functools
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paygate_x402.delivery import Delivery
from paygate_x402.outbox import Outbox
from paygate_x402.payments import facts, payment_id, reason, wire

OUTBOX_EVENTS = 100_000
REMEMBERED = 10_000  # payments between their first hook and their last
EVENT_TYPES = (
    "payment:received",
    "payment:verified",
    "payment:pending",
    "payment:settled",
    "payment:failed",
    "payment:reversed",
    "payment:refunded",
    "batch:settled",
    "revenue:recorded",
)
log = logging.getLogger("paygate_x402")


@dataclass(frozen=True)
class Stats:
    """Events waiting, refused for good and dropped of this outbox; sent since the start."""

    sent: int
    waiting: int
    refused: int
    dropped: int
    errors: int
    last_error: str


class PayGate:
    """Reports to a portal. Nothing here raises into a payment or waits for the portal."""

    def __init__(
        self, url: str, token: str, *, outbox: str | Path, limit: int = OUTBOX_EVENTS
    ) -> None:
        """Start delivering to the portal at `url` with a token that has the scope `ingest`.

        Each process has an `outbox` file of its own, with room for `limit` events. ValueError for
        an address that is not http(s), sqlite3.Error when the file cannot be made.
        """
        self._outbox = Outbox(outbox, limit)
        self._delivery = Delivery(self._outbox, url, token)
        self._errors = 0
        self._lock = threading.Lock()
        self._received: OrderedDict[str, None] = OrderedDict()
        self._started: OrderedDict[str, float] = OrderedDict()
        self._answers: OrderedDict[str, Any] = OrderedDict()
        self._delivery.start()

    def connect(self, facilitator: Any) -> None:
        """Report what an x402Facilitator or x402FacilitatorSync verifies and settles."""
        facilitator.on_before_verify(self._safely(self._before_verify))
        facilitator.on_after_verify(self._safely(self._after_verify))
        facilitator.on_verify_failure(self._safely(self._verify_failure))
        facilitator.on_before_settle(self._safely(self._before_settle))
        facilitator.on_after_settle(self._safely(self._after_settle))
        facilitator.on_settle_failure(self._safely(self._settle_failure))
        # Failure hooks get the reason alone: the transaction is in the mechanism's answer.
        for scheme in [*facilitator._schemes, *facilitator._schemes_v1]:
            scheme.facilitator = Listened(scheme.facilitator, self._answered)
        for name in ("register", "register_v1"):
            self._listen_to_later(facilitator, name)

    def attach(self, emitter: Any) -> None:
        """Report the events of anything with `on(type, callback)`: the data, or {type, data}."""
        for kind in EVENT_TYPES:
            emitter.on(kind, self._safely(functools.partial(self._emitted, kind)))

    def stats(self) -> Stats:
        """What became of the events."""
        waiting, refused, dropped = self._outbox.counts()
        last = self._delivery.last_error
        return Stats(self._delivery.sent, waiting, refused, dropped, self._errors, last)

    def close(self, seconds: float = 5.0) -> None:
        """Stop; what waits is sent after the next start."""
        self._delivery.stop(seconds)
        self._outbox.close()

    def _listen_to_later(self, facilitator: Any, name: str) -> None:
        register = getattr(facilitator, name)

        @functools.wraps(register)
        def registered(networks: Any, facilitator: Any) -> Any:
            return register(networks, Listened(facilitator, self._answered))

        setattr(facilitator, name, registered)

    def _safely(self, hook: Callable[[Any], None]) -> Callable[[Any], None]:
        def safe(context: Any) -> None:
            try:
                hook(context)
            except Exception:  # a payment must not fail because its report does
                self._errors += 1
                log.exception("an event was not reported")

        return safe

    def _tell(self, kind: str, data: Mapping[str, Any]) -> None:
        self._outbox.append(kind, data)
        self._delivery.nudge()

    def _emitted(self, kind: str, event: Any) -> None:
        data = event["data"] if "type" in event and "data" in event else event
        self._tell(kind, data)

    def _receive(self, context: Any) -> dict[str, Any]:
        """The payment's facts; it is told as received the first time."""
        known = facts(wire(context.payment_payload), wire(context.requirements))
        with self._lock:
            is_new = known["paymentId"] not in self._received
            remember(self._received, known["paymentId"], None)
        if is_new:
            self._tell("payment:received", known)
        return known

    def _before_verify(self, context: Any) -> None:
        self._receive(context)

    def _after_verify(self, context: Any) -> None:
        payer = {"payer": context.result.payer} if context.result.payer else {}
        self._tell("payment:verified", self._receive(context) | payer)

    def _verify_failure(self, context: Any) -> None:
        more = {"stage": "verify", "error": reason(context.error)}
        self._tell("payment:failed", self._receive(context) | more)

    def _before_settle(self, context: Any) -> None:
        known = self._receive(context)
        with self._lock:
            self._answers.pop(known["paymentId"], None)
            remember(self._started, known["paymentId"], time.monotonic())

    def _after_settle(self, context: Any) -> None:
        known, result = self._finish(context), context.result
        told = {
            "transaction": result.transaction,
            "amountAtomic": result.amount,
            "payer": result.payer,
        }
        known |= {name: value for name, value in told.items() if value not in (None, "")}
        if context.payment_payload.payload.get("type") == "settle":
            batch = {name: known[name] for name in ("transaction", "network", "timestamp")}
            self._tell("batch:settled", {"batchId": batch["transaction"], **batch})
        else:
            self._tell("payment:settled", known)

    def _settle_failure(self, context: Any) -> None:
        known = self._finish(context)
        with self._lock:
            answer = self._answers.pop(known["paymentId"], None)
        if answer is not None and answer.transaction:
            known["transaction"] = answer.transaction
        why = reason(context.error)
        if why == "settlement_pending":
            self._tell("payment:pending", known)
        else:
            self._tell("payment:failed", known | {"stage": "settle", "error": why})

    def _finish(self, context: Any) -> dict[str, Any]:
        """The payment's facts with the milliseconds that settling took."""
        known = facts(wire(context.payment_payload), wire(context.requirements))
        with self._lock:
            began = self._started.pop(known["paymentId"], None)
        if began is not None:
            known["settlementTime"] = round((time.monotonic() - began) * 1000)
        return known

    def _answered(self, payload: Any, answer: Any) -> None:
        with self._lock:
            remember(self._answers, payment_id(wire(payload)), answer)


class Listened:
    """A mechanism whose answers to settle() are heard; everything else is its own."""

    def __init__(self, mechanism: Any, hear: Callable[[Any, Any], None]) -> None:
        """Call `hear` with payload and answer."""
        self._mechanism, self._hear = mechanism, hear

    def __getattr__(self, name: str) -> Any:
        """Whatever the mechanism has."""
        return getattr(self._mechanism, name)

    def settle(self, payload: Any, *arguments: Any, **named: Any) -> Any:
        """The mechanism's own answer."""
        answer = self._mechanism.settle(payload, *arguments, **named)
        try:
            self._hear(payload, answer)
        except Exception:  # the money has moved
            log.exception("a settlement's answer was not heard")
        return answer


def remember(where: "OrderedDict[str, Any]", key: str, value: Any) -> None:
    """Keep it as the newest; forget the oldest beyond REMEMBERED."""
    where[key] = value
    where.move_to_end(key)
    if len(where) > REMEMBERED:
        where.popitem(last=False)
