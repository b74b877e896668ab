"""What the oracle knows of chains and tokens: its own table, from public registries."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Chain:
    """A registered network. Its default token is a dollar stablecoin."""

    name: str
    is_testnet: bool
    native: str
    native_decimals: int
    stablecoins: tuple[tuple[str, int], ...]


ALIASES = {
    "base": "eip155:8453",
    "base-sepolia": "eip155:84532",
    "ethereum": "eip155:1",
    "polygon": "eip155:137",
    "arbitrum": "eip155:42161",
    "solana": "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp",
    "solana-devnet": "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1",
}
CHAINS = {
    "eip155:8453": Chain(
        "Base", False, "ETH", 18, (("0x833589fcd6edb6e08f4c7c32d4f71b54bda02913", 6),)
    ),
    "eip155:84532": Chain(
        "Base Sepolia", True, "ETH", 18, (("0x036cbd53842c5426634e7929541ec2318f3dcf7e", 6),)
    ),
    "eip155:1": Chain(
        "Ethereum", False, "ETH", 18, (("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", 6),)
    ),
    "eip155:137": Chain(
        "Polygon", False, "POL", 18, (("0x3c499c542cef5e3811e1192ce70d8cc03d5c3359", 6),)
    ),
    "eip155:42161": Chain(
        "Arbitrum", False, "ETH", 18, (("0xaf88d065e77c8cc2239327c5edb3a432268e5831", 6),)
    ),
    "eip155:4326": Chain(
        "MegaETH", False, "ETH", 18, (("0xfafddbb3fc7688494971a79cc65dca3ef82079e7", 18),)
    ),
    "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp": Chain(
        "Solana", False, "SOL", 9, (("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", 6),)
    ),
    "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1": Chain(
        "Solana Devnet", True, "SOL", 9, (("4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU", 6),)
    ),
}
UNKNOWN = "unknown"


def network_of(name: str | None) -> str | None:
    """The CAIP-2 id of a network's name as an event writes it; nothing when it has none."""
    return ALIASES.get(name, name) if name else None


def address_of(address: str | None, network: str) -> str | None:
    """EVM accounts in lower case, all others as written."""
    return address.lower() if address and network.startswith("eip155:") else address


def is_excluded(network: str) -> bool:
    """Testnets and networks nobody registered; `unknown` (not known yet) is in."""
    chain = CHAINS.get(network)
    return network != UNKNOWN and (chain is None or chain.is_testnet)


def peg(network: str, asset: str | None) -> Fraction | None:
    """Dollars per token; nothing when unpriced."""
    if network == UNKNOWN or (asset or "").upper() == "USD":
        return Fraction(1)
    return None if decimals(network, asset) is None else Fraction(1)


def decimals(network: str, asset: str | None) -> int | None:
    """Decimals of the token, by default the network's stablecoin; nothing when not known."""
    chain = CHAINS.get(network)
    if chain is None:
        return None
    if asset is None:
        return chain.stablecoins[0][1]
    return dict(chain.stablecoins).get(asset)


def name_of(network: str) -> str:
    """What people call it; an unregistered one goes by its id."""
    if network == UNKNOWN:
        return "Unknown"
    return CHAINS[network].name if network in CHAINS else network
