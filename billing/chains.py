"""Names of chains as events write them, reduced to CAIP-2 ids."""

import re

CAIP2 = re.compile(r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9=+/]{1,55}")

# Names of version 1 of the protocol, and the ones people write.
LEGACY_NAMES: dict[str, str] = {
    "abstract": "eip155:2741",
    "abstract-testnet": "eip155:11124",
    "arbitrum": "eip155:42161",
    "arbitrum-one": "eip155:42161",
    "arbitrum-sepolia": "eip155:421614",
    "avalanche": "eip155:43114",
    "avalanche-fuji": "eip155:43113",
    "base": "eip155:8453",
    "base-mainnet": "eip155:8453",
    "base-sepolia": "eip155:84532",
    "celo": "eip155:42220",
    "eth": "eip155:1",
    "ethereum": "eip155:1",
    "flare": "eip155:14",
    "mainnet": "eip155:1",
    "matic": "eip155:137",
    "megaeth": "eip155:4326",
    "monad": "eip155:143",
    "monad-testnet": "eip155:10143",
    "optimism": "eip155:10",
    "polygon": "eip155:137",
    "polygon-amoy": "eip155:80002",
    "sei": "eip155:1329",
    "sei-testnet": "eip155:1328",
    "sepolia": "eip155:11155111",
    "solana": "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp",
    "solana-devnet": "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1",
    "solana-mainnet": "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp",
    "solana-testnet": "solana:4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z",
    "stable": "eip155:988",
    "stable-testnet": "eip155:2201",
}


def canonical_network(text: str) -> str:
    """The CAIP-2 id of a legacy name (any case), else the text itself, blanks trimmed."""
    name = text.strip()
    return LEGACY_NAMES.get(name.lower().replace("_", "-").replace(" ", "-"), name)


def family_of(chain_id: str) -> str:
    """The CAIP-2 namespace (eip155, solana, ...), or `unknown` for other text."""
    return chain_id.partition(":")[0] if CAIP2.fullmatch(chain_id) else "unknown"
