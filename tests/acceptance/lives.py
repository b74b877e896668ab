"""What can become of a payment, each case with all its awkward variants."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

Event = dict[str, Any]
SECOND, HOUR, DAY = 1_000, 3_600_000, 86_400_000
RUN, MARGIN = 15 * 60 * SECOND, 5 * 60 * SECOND
BASE_USDC = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
STRANGE_TOKEN = "0xDEADbeef00000000000000000000000000000001"
NETWORKS = (
    ("eip155:8453", 40),
    ("base", 8),
    ("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", 14),
    ("solana", 3),
    ("polygon", 4),
    ("eip155:137", 6),
    ("eip155:42161", 6),
    ("eip155:1", 3),
    ("eip155:4326", 2),
    ("eip155:84532", 6),
    ("base-sepolia", 2),
    ("solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1", 2),
    ("eip155:999331", 2),
    ("cosmos:strange-1", 2),
)
REASONS = (
    "insufficient_funds",
    "transaction_failed",
    "invalid_exact_evm_nonce_already_used",
    "permit2_deadline_expired",
    "unexpected_settle_error",
    "something nobody has seen",
)
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass
class Life:
    """One payment on its way; `network` is as its events write it."""

    rng: random.Random
    payment_id: str
    now_ms: int
    network: str = field(init=False)
    started: int = field(init=False)

    def __post_init__(self) -> None:
        """Draw where and when it begins."""
        names, weights = zip(*NETWORKS, strict=True)
        self.network = self.rng.choices(names, weights=weights)[0]
        reach = self.rng.choices((RUN, DAY, 8 * DAY, 100 * DAY), weights=(8, 20, 22, 50))[0]
        age = 1 + self.rng.randrange(reach)
        if RUN < age < HOUR + MARGIN:  # what is open must not expire while figures are compared
            age += HOUR
        self.started = self.now_ms - age

    def chance(self, share: float) -> bool:
        """True in that share of cases."""
        return self.rng.random() < share

    def event(self, stage: str, at_ms: int, /, **data: Any) -> Event:
        """An event, never later than now; one in seven has no envelope id."""
        moment = written(self.rng, min(at_ms, self.now_ms))
        content = {"paymentId": self.payment_id, "timestamp": moment} | data
        kept = {name: value for name, value in content.items() if value is not None}
        event: Event = {"type": f"payment:{stage}", "data": kept}
        if self.chance(6 / 7):
            event["id"] = f"{self.payment_id}.{stage}.{self.rng.getrandbits(40):x}"
        return event

    def parties(self) -> dict[str, Any]:
        """Who, how much, where: as `received` carries it, and some settled events."""
        facts = {
            "payer": self._account("payer", int(self.rng.paretovariate(0.6)) % 400),
            "payee": self._account("payee", int(self.rng.paretovariate(0.9)) % 30),
            "network": self.network,
            "resource": f"https://api.example/tool/{self.rng.randrange(12)}",
            "asset": self._asset(),
            **self._amount(),
        }
        if self.chance(0.03):
            facts["payer"] = None
        if self.chance(0.06):
            facts["kind"] = self.rng.choice(("charge", "deposit", "claim", "voucher", "sweep"))
        return facts

    def _asset(self) -> str | None:
        if self.network in ("eip155:8453", "base") and self.chance(0.2):
            return self.rng.choice((BASE_USDC, BASE_USDC.lower(), STRANGE_TOKEN, "USD"))
        return None

    def _account(self, role: str, rank: int) -> str:
        solana = self.network.startswith("solana")
        known = random.Random(f"{role} {rank} {solana}")
        if solana:
            return "".join(known.choices(BASE58, k=44))
        text = f"{known.getrandbits(160):040x}"
        return "0x" + (text.upper() if self.chance(0.2) else text)

    def _amount(self) -> dict[str, Any]:
        shape = self.rng.random()
        micro = max(1, int(self.rng.lognormvariate(13, 2)))
        if shape < 0.03:
            return {}
        if shape < 0.25:
            return {"amountAtomic": self.rng.choice((micro, str(micro)))}
        if shape < 0.28:
            return {"amount": f"0.{self.rng.getrandbits(60):018d}"}
        if shape < 0.29:
            return {"amount": "0"}
        if shape < 0.4:
            return {"amount": micro // 1000}
        return {"amount": f"{micro // 1_000_000}.{micro % 1_000_000:06d}"}


def payment_life(life: Life) -> Iterator[Event]:
    """The events of one payment."""
    if life.chance(0.9):
        yield life.event("received", life.started, **life.parties())
    if life.chance(0.75):
        took = life.rng.randrange(400)
        yield life.event("verified", life.started + took, verificationTime=took)
    stories = (_settles, _settles_slowly, _fails, _fails_then_settles, _stays_open, _nameless)
    yield from life.rng.choices(stories, weights=(70, 6, 9, 4, 8, 3))[0](life)


def _settles(life: Life) -> Iterator[Event]:
    ended = life.started + int(life.rng.lognormvariate(7.5, 0.8))
    if life.chance(0.02):
        ended = life.started - life.rng.randrange(1, 90 * SECOND)  # a clock behind
    yield _settled(life, ended)
    if life.chance(0.03):  # a second settlement report, agreeing or not
        yield _settled(life, ended + life.rng.choice((0, 1, 30 * SECOND)))
    if life.chance(0.01):
        yield life.event(
            "reversed", ended + 40 * SECOND, amount=life.rng.choice((None, "0.250000"))
        )
    for _ in range(life.rng.choices((0, 1, 2, 3), weights=(96, 2, 1, 1))[0]):
        later = ended + life.rng.randrange(3 * DAY)
        yield life.event("refunded", later, amount=life.rng.choice((None, "0.1", 1)))


def _settled(life: Life, at_ms: int) -> Event:
    data: dict[str, Any] = {
        "fee": life.rng.choice(("0.001", "0.003", f"{life.rng.random():.6f}", 0.25, None)),
        "transaction": f"0x{life.rng.getrandbits(256):064x}",
    }
    if life.chance(0.7):
        data["settlementTime"] = life.rng.choice((int(life.rng.lognormvariate(7, 1)), -5, None))
    if life.chance(0.6):
        data["network"] = life.network
    if life.chance(0.15):
        data |= life.parties()
    if life.chance(0.05):
        data["amount"] = life.rng.choice(("0", "0.000001", "1.5", 2.75))
    if life.chance(0.3):
        data |= gas(life.rng)
    if life.chance(0.2):
        data["blockTimestamp"] = at_ms + life.rng.randrange(-500, 20 * SECOND)
    return life.event("settled", at_ms, **data)


def _settles_slowly(life: Life) -> Iterator[Event]:
    yield life.event("failed", life.started + SECOND, error="settlement_pending", stage="settle")
    if life.chance(0.7):
        yield _settled(life, life.started + 40 * SECOND)


def _fails(life: Life) -> Iterator[Event]:
    for attempt in range(life.rng.choice((1, 1, 1, 2))):
        yield life.event(
            "failed",
            life.started + (attempt + 1) * life.rng.randrange(1, 9 * SECOND),
            error=life.rng.choice(REASONS),
            stage=life.rng.choice(("verify", "settle")),
            network=life.rng.choice((life.network, None)),
            **(_reverted(life) if life.chance(0.2) else {}),
        )


def _reverted(life: Life) -> dict[str, Any]:
    return {"transaction": f"0x{life.rng.getrandbits(256):064x}", **gas(life.rng)}


def gas(rng: random.Random) -> dict[str, Any]:
    """What a receipt says, more or less of it."""
    facts: dict[str, Any] = {"gasUsed": rng.randint(21_000, 400_000)}
    if rng.random() < 0.95:
        facts["effectiveGasPrice"] = str(rng.randint(1, 40_000_000_000))
    if rng.random() < 0.4:
        facts["l1Fee"] = rng.randint(0, 10**12)
    if rng.random() < 0.05:
        facts["gasCostAtomic"] = str(rng.randint(1, 10**15))
    if rng.random() < 0.98:
        facts["nativeUsdPrice"] = rng.choice(("3050.25", "0.2215", 148.6))
    return facts


def _fails_then_settles(life: Life) -> Iterator[Event]:
    yield from _fails(life)
    yield _settled(life, life.started + 60 * SECOND)


def _stays_open(life: Life) -> Iterator[Event]:
    if life.chance(0.4):
        # only where the portal's clock comes to the same end without it
        is_old = life.started < life.now_ms - 3 * HOUR
        valid = life.started + life.rng.randrange(HOUR) if is_old else None
        yield life.event("received", life.started + 5, validBefore=valid)
    else:
        yield life.event("verified", life.started + 7)


def _nameless(life: Life) -> Iterator[Event]:
    yield life.event(
        "failed",
        life.started,
        paymentId=life.rng.choice(("", "unknown", None)),
        error=life.rng.choice(REASONS),
        stage="verify",
        network=life.network,
        nonce=life.payment_id,
    )


def revenue_event(rng: random.Random, number: int, now_ms: int) -> Event:
    """Revenue that is no fee, of a payment, of a network or of nobody in particular."""
    life = Life(rng, f"revenue-{number}", now_ms)
    data = {
        "kind": rng.choice(("gas_sponsorship", "premium")),
        "amount": rng.choice(("0.02", "49.00", f"{rng.random():.9f}", 3)),
        "timestamp": written(rng, life.started),
    }
    if life.chance(0.6):
        data["network"] = life.network
    if life.chance(0.4):
        data["paymentId"] = f"pay-{rng.randrange(1, 2 * number):06d}"
    return {"id": f"revenue-{number}", "type": "revenue:recorded", "data": data}


def batch_event(rng: random.Random, number: int, now_ms: int) -> Event:
    """A batch that names payments, some of them twice, some never heard of."""
    life = Life(rng, f"batch-{number}", now_ms)
    data = {
        "batchId": f"batch-{number // rng.choice((1, 1, 2))}",
        "timestamp": written(rng, life.started),
        "paymentIds": [f"pay-{rng.randrange(1, 2 * number):06d}" for _ in range(rng.randint(0, 9))],
        **gas(rng),
    }
    if life.chance(0.8):
        data["network"] = life.network
    return {"id": f"batch-{number}", "type": "batch:settled", "data": data}


def written(rng: random.Random, at_ms: int) -> int | str:
    """A moment as producers write it."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms)
    shape = rng.random()
    if shape < 0.7:
        return at_ms
    if shape < 0.85:
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return moment.astimezone(timezone(timedelta(hours=5, minutes=45))).isoformat()
