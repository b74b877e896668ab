"""The life of one demo payment as events. A pure function of its random source."""

import math
import random
from dataclasses import dataclass
from typing import Any

from billing.demo.economy import (
    CHAIN_WEIGHTS,
    CHAINS,
    PAYER_WEIGHTS,
    PAYERS,
    PRODUCT_WEIGHTS,
    PRODUCTS,
    SETTLE_FAILURES,
    UNKNOWN_ASSET,
    VERIFY_FAILURES,
    Chain,
    Product,
    address,
    transaction,
)

Event = dict[str, Any]
FEE_RATE = 0.003
MINIMUM_FEE = 0.001
DAY_MS = 86_400_000
# Cumulative: what becomes of a payment. The rest settles.
FATES = (
    ("refused", 0.021),
    ("failed", 0.034),
    ("abandoned", 0.041),
    ("unverified", 0.043),
    ("slow", 0.078),
    ("stuck", 0.0786),
    ("upfront", 0.10),
)


@dataclass(frozen=True)
class Payment:
    """What is fixed about a payment before anything happens to it. Amounts in dollars."""

    payment_id: str
    started_ms: int
    chain: Chain
    product: Product
    payer: str
    payee: str
    amount: float
    settle_ms: int
    fate: str
    is_batched: bool

    @property
    def is_settled(self) -> bool:
        """Whether it settles in the end."""
        return self.fate in ("settled", "slow", "upfront")

    @property
    def fee(self) -> str:
        """0.3 percent, at least a tenth of a cent."""
        return f"{max(MINIMUM_FEE, self.amount * FEE_RATE):.6f}"

    @property
    def settled_at_ms(self) -> int:
        """When it settles, if it does."""
        return self.started_ms + 180 + self.settle_ms

    def event(self, stage: str, at_ms: int, /, **data: Any) -> Event:
        """An event of this payment; the id is derived, so a second run sends it again."""
        return {
            "id": f"{self.payment_id}:{stage}",
            "type": f"payment:{stage}",
            "data": {"paymentId": self.payment_id, "timestamp": at_ms, **data},
        }


def draw_payment(rng: random.Random, payment_id: str, started_ms: int) -> Payment:
    """Choose chain, parties, price and fate."""
    chain = rng.choices(CHAINS, cum_weights=CHAIN_WEIGHTS)[0]
    product = rng.choices(PRODUCTS, cum_weights=PRODUCT_WEIGHTS)[0]
    payer = rng.choices(range(PAYERS), cum_weights=PAYER_WEIGHTS)[0]
    median = product.median_usd * (6 if chain.chain_id == "eip155:1" else 1)
    fate = _fate(rng)
    slowness = 9 if fate == "slow" else 1
    return Payment(
        payment_id=payment_id,
        started_ms=started_ms,
        chain=chain,
        product=product,
        payer=address("payer", payer, chain),
        payee=address("payee", product.seller, chain),
        amount=round(max(0.001, median * math.exp(rng.gauss(0, 0.8))), 6),
        settle_ms=round(slowness * chain.settle_ms * math.exp(rng.gauss(0, 0.35))),
        fate=fate,
        is_batched=fate == "settled" and chain.chain_id == "eip155:137" and rng.random() < 0.6,
    )


def _fate(rng: random.Random) -> str:
    chance = rng.random()
    return next((fate for fate, limit in FATES if chance < limit), "settled")


def payment_events(rng: random.Random, payment: Payment) -> list[Event]:
    """Every event of the payment, in order of time."""
    events = [] if payment.fate == "upfront" else [_received(rng, payment)]
    if payment.fate == "refused":
        return [*events, _failure(rng, payment, "verify", VERIFY_FAILURES)]
    if payment.fate not in ("upfront", "unverified"):
        took = rng.randint(20, 160)
        events.append(payment.event("verified", payment.started_ms + took, verificationTime=took))
    if payment.fate == "failed":
        events.append(_failure(rng, payment, "settle", SETTLE_FAILURES))
    if payment.fate in ("slow", "stuck"):
        events.append(_pending(payment))
    if payment.is_settled:
        events += [_settled(rng, payment), *_aftermath(rng, payment)]
    return events


def _received(rng: random.Random, payment: Payment) -> Event:
    shouted = rng.random() < 0.03 and not payment.chain.is_solana
    network = payment.chain.chain_id
    if payment.chain.legacy_name and rng.random() < 0.1:
        network = payment.chain.legacy_name
    return payment.event(
        "received",
        payment.started_ms,
        # some wallets write addresses in capitals; it is the same account
        payer="0x" + payment.payer[2:].upper() if shouted else payment.payer,
        amount=f"{payment.amount:.6f}",
        **(_parties(rng, payment) | {"network": network}),
    )


def _parties(rng: random.Random, payment: Payment) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "payee": payment.payee,
        "network": payment.chain.chain_id,
        "scheme": "exact",
        "resource": _resource(rng, payment.product),
        "routeTemplate": payment.product.route,
    }
    if payment.chain.chain_id == "eip155:8453" and rng.random() < 0.005:
        facts["asset"] = UNKNOWN_ASSET
    return facts


def _resource(rng: random.Random, product: Product) -> str:
    path = "/".join(
        f"{part[1:]}-{rng.randint(1, 400)}" if part.startswith(":") else part
        for part in product.route.split("/")
    )
    return f"https://{product.host}{path}"


def _failure(
    rng: random.Random, payment: Payment, stage: str, reasons: tuple[tuple[str, int], ...]
) -> Event:
    reason = rng.choices([r for r, _ in reasons], weights=[w for _, w in reasons])[0]
    at_ms = payment.started_ms + rng.randint(30, 200)
    data: dict[str, Any] = {"error": reason, "stage": stage}
    if stage == "settle":
        at_ms = payment.settled_at_ms
        data["network"] = payment.chain.chain_id
    if reason == "transaction_failed":
        data["transaction"] = transaction(payment.payment_id, payment.chain)
    return payment.event("failed", at_ms, **data)


def _pending(payment: Payment) -> Event:
    """As the x402 libraries report it: a failure that is none."""
    event = payment.event(
        "failed",
        payment.started_ms + 900,
        error="settlement_pending",
        stage="settle",
        transaction=transaction(payment.payment_id, payment.chain),
    )
    return event | {"id": f"{payment.payment_id}:pending"}


def _settled(rng: random.Random, payment: Payment) -> Event:
    chain = payment.chain
    data: dict[str, Any] = {
        "fee": payment.fee,
        "settlementTime": payment.settle_ms,
        "transaction": transaction(payment.payment_id, chain),
        "network": chain.chain_id,
    }
    if payment.fate == "upfront":
        data |= {
            "payer": payment.payer,
            "amount": f"{payment.amount:.6f}",
            **_parties(rng, payment),
        }
    if not payment.is_batched and rng.random() < 0.85:
        data |= gas_facts(rng, chain)
    if rng.random() < 0.5:
        data["blockTimestamp"] = payment.settled_at_ms + rng.randint(200, 4_000)
    return payment.event("settled", payment.settled_at_ms, **data)


def gas_facts(rng: random.Random, chain: Chain) -> dict[str, str]:
    """Gas used and what it cost, in atomic units; with the coin's price in USD."""
    facts = {
        "gasUsed": str(rng.randint(*chain.gas)),
        "effectiveGasPrice": str(rng.randint(*chain.gas_price)),
    }
    if chain.l1_fee[1]:
        facts["l1Fee"] = str(rng.randint(*chain.l1_fee))
    if chain.native_usd != "0":
        facts["nativeUsdPrice"] = chain.native_usd
    return facts


def _aftermath(rng: random.Random, payment: Payment) -> list[Event]:
    chance = rng.random()
    if chance < 0.002:
        at_ms = payment.settled_at_ms + rng.randint(60_000, DAY_MS)
        return [payment.event("refunded", at_ms)]
    if chance < 0.003:
        at_ms = payment.settled_at_ms + rng.randint(5_000, 600_000)
        return [payment.event("reversed", at_ms, reason="block reorganised")]
    return []
