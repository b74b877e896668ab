"""Who pays whom, for what, on which chains, and what goes wrong: the figures of the demo.

Shares are relative weights. Gas prices are atomic units of the native coin per unit of gas.
"""

import hashlib
import math
from dataclasses import dataclass
from itertools import accumulate

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True)
class Chain:
    """A network of the demo; `settle_ms` is the median settlement time."""

    chain_id: str
    share: float
    settle_ms: int
    gas: tuple[int, int]
    gas_price: tuple[int, int]
    l1_fee: tuple[int, int] = (0, 0)
    native_usd: str = "0"
    legacy_name: str = ""

    @property
    def is_solana(self) -> bool:
        """Whether addresses and transaction ids are base58."""
        return self.chain_id.startswith("solana:")


CHAINS = (
    Chain(
        chain_id="eip155:8453",
        share=61.5,
        settle_ms=1900,
        gas=(61_105, 90_053),
        gas_price=(1_000_000, 9_000_000),
        l1_fee=(40_000_000, 900_000_000),
        native_usd="3050.25",
        legacy_name="base",
    ),
    Chain(
        chain_id="solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp",
        share=18,
        settle_ms=1100,
        gas=(5_000, 10_000),
        gas_price=(1, 1),
        native_usd="148.6",
        legacy_name="solana",
    ),
    Chain(
        chain_id="eip155:137",
        share=9,
        settle_ms=3200,
        gas=(62_000, 95_000),
        gas_price=(26_000_000_000, 60_000_000_000),
        native_usd="0.2215",
        legacy_name="polygon",
    ),
    Chain(
        chain_id="eip155:42161",
        share=6,
        settle_ms=1400,
        gas=(70_000, 130_000),
        gas_price=(10_000_000, 40_000_000),
        native_usd="3050.25",
        legacy_name="arbitrum",
    ),
    Chain(
        chain_id="eip155:1",
        share=1.5,
        settle_ms=13_000,
        gas=(61_000, 88_000),
        gas_price=(300_000_000, 2_500_000_000),
        native_usd="3050.25",
        legacy_name="ethereum",
    ),
    Chain(
        chain_id="eip155:84532",
        share=3.8,
        settle_ms=2000,
        gas=(61_105, 90_053),
        gas_price=(1_000_000, 1_000_000),
        legacy_name="base-sepolia",
    ),
    # a chain the portal has never heard of: shown to staff, in no figure
    Chain(
        chain_id="eip155:6942069",
        share=0.2,
        settle_ms=2500,
        gas=(61_000, 90_000),
        gas_price=(1_000_000, 2_000_000),
    ),
)

UNKNOWN_ASSET = "0x7e57000000000000000000000000000000c01dc0"
VERIFY_FAILURES = (
    ("insufficient_funds", 34),
    ("invalid_exact_evm_insufficient_balance", 12),
    ("invalid_exact_evm_payload_signature", 9),
    ("invalid_exact_evm_payload_authorization_valid_before", 8),
    ("invalid_exact_evm_nonce_already_used", 7),
    ("permit2_allowance_required", 6),
    ("recipient_mismatch", 3),
    ("unsupported_scheme", 3),
)
SETTLE_FAILURES = (
    ("transaction_failed", 22),
    ("invalid_transaction_state", 8),
    ("duplicate_settlement", 7),
    ("unexpected_settle_error", 6),
    ("PaymentAbortedError", 2),
)


@dataclass(frozen=True)
class Product:
    """Something sold: its seller, address and the route its address is an instance of."""

    seller: int
    host: str
    route: str
    median_usd: float


_CATALOGUE = (
    ("api.weatherlens.example", ("/v1/forecast/:city", "/v1/history/:city"), 1.05),
    ("mcp.deepsearch.example", ("/tools/web_search", "/tools/read_page"), 2.7),
    ("api.chainscope.example", ("/v2/wallets/:address", "/v2/tokens/:symbol/price"), 1.5),
    ("llm.quietmodels.example", ("/v1/completions", "/v1/embeddings"), 7.2),
    ("maps.northpin.example", ("/route", "/geocode/:query"), 0.9),
    ("data.filingsdesk.example", ("/filings/:ticker", "/filings/:ticker/summary"), 11.4),
    ("img.brushstroke.example", ("/generate", "/upscale"), 16.5),
    ("news.firstwire.example", ("/articles/:id", "/alerts"), 1.8),
    ("voice.sayitback.example", ("/transcribe", "/speak"), 5.1),
    ("proxy.farhop.example", ("/fetch",), 0.75),
    ("flights.gatefinder.example", ("/search", "/seatmaps/:flight"), 3.3),
    ("legal.clausewise.example", ("/review",), 28.5),
    ("geo.tileworks.example", ("/tiles/:zoom/:x/:y",), 0.45),
    ("risk.addresscheck.example", ("/score/:address",), 2.25),
)
PRODUCTS = tuple(
    Product(seller, host, route, median)
    for seller, (host, routes, median) in enumerate(_CATALOGUE)
    for route in routes
)
PAYERS = 1_800


def zipf(size: int, exponent: float) -> list[float]:
    """Cumulative weights of ranks 1 to `size`, as random.choices takes them."""
    return list(accumulate(1 / math.pow(rank, exponent) for rank in range(1, size + 1)))


PAYER_WEIGHTS = zipf(PAYERS, 0.95)
PRODUCT_WEIGHTS = zipf(len(PRODUCTS), 0.9)
CHAIN_WEIGHTS = list(accumulate(chain.share for chain in CHAINS))


def address(role: str, rank: int, chain: Chain) -> str:
    """The account of a payer or payee: one for all EVM chains, another for Solana."""
    digest = hashlib.sha256(f"{role} {rank} {chain.is_solana}".encode()).digest()
    return base58(digest) if chain.is_solana else "0x" + digest[:20].hex()


def transaction(payment_id: str, chain: Chain) -> str:
    """The transaction id of a payment's settlement."""
    digest = hashlib.sha512(payment_id.encode()).digest()
    return base58(digest) if chain.is_solana else "0x" + digest[:32].hex()


def base58(raw: bytes) -> str:
    """The bytes in the Bitcoin alphabet, as Solana writes keys and signatures."""
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return text
