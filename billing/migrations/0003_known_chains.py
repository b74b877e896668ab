"""Seed the networks and stablecoins that the x402 SDK knows."""

from typing import Any

from django.db import migrations

# chain id, name, testnet, native symbol, explorer of a transaction, default asset, symbol, decimals
EVM: list[tuple[int, str, bool, str, str, str, str, int]] = [
    (1, "Ethereum", False, "ETH", "https://etherscan.io/tx/{tx}", "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", "USDC", 6),
    (10, "Optimism", False, "ETH", "https://optimistic.etherscan.io/tx/{tx}", "0x0b2c639c533813f4aa9d7837caf62653d097ff85", "USDC", 6),
    (14, "Flare", False, "FLR", "https://flarescan.com/tx/{tx}", "0xe7cd86e13ac4309349f30b3435a9d337750fc82d", "USDT0", 6),
    (50, "XDC", False, "XDC", "https://xdcscan.com/tx/{tx}", "0xfa2958cb79b0491cc627c1557f441ef849ca8eb1", "USDC", 6),
    (51, "XDC Apothem", True, "XDC", "https://testnet.xdcscan.com/tx/{tx}", "0xb5ab69f7bbada22b28e79c8ffaece55ef1c771d4", "USDC", 6),
    (137, "Polygon", False, "POL", "https://polygonscan.com/tx/{tx}", "0x3c499c542cef5e3811e1192ce70d8cc03d5c3359", "USDC", 6),
    (143, "Monad", False, "MON", "https://monadscan.com/tx/{tx}", "0x754704bc059f8c67012fed69bc8a327a5aafb603", "USDC", 6),
    (988, "Stable", False, "USDT0", "https://stablescan.xyz/tx/{tx}", "0x779ded0c9e1022225f8e0630b35a9b54be713736", "USDT0", 6),
    (1328, "Sei Testnet", True, "SEI", "https://testnet.seiscan.io/tx/{tx}", "0x4fcf1784b31630811181f670aea7a7bef803eaed", "USDC", 6),
    (1329, "Sei", False, "SEI", "https://seiscan.io/tx/{tx}", "0xe15fc38f6d8c56af07bbcbe3baf5708a2bf42392", "USDC", 6),
    (2201, "Stable Testnet", True, "USDT0", "https://testnet.stablescan.xyz/tx/{tx}", "0x78cf24370174180738c5b8e352b6d14c83a6c9a9", "USDT0", 6),
    (2741, "Abstract", False, "ETH", "https://abscan.org/tx/{tx}", "", "", 6),
    (4326, "MegaETH", False, "ETH", "https://mega.etherscan.io/tx/{tx}", "0xfafddbb3fc7688494971a79cc65dca3ef82079e7", "MegaUSD", 18),
    (5042, "Arc", False, "USDC", "https://arcscan.app/tx/{tx}", "0x3600000000000000000000000000000000000000", "USDC", 6),
    (5042002, "Arc Testnet", True, "USDC", "https://testnet.arcscan.app/tx/{tx}", "0x3600000000000000000000000000000000000000", "USDC", 6),
    (8453, "Base", False, "ETH", "https://basescan.org/tx/{tx}", "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913", "USDC", 6),
    (10143, "Monad Testnet", True, "MON", "https://testnet.monadscan.com/tx/{tx}", "0x534b2f3a21130d7a60830c2df862319e593943a3", "USDC", 6),
    (11124, "Abstract Testnet", True, "ETH", "https://sepolia.abscan.org/tx/{tx}", "", "", 6),
    (31611, "Mezo Testnet", True, "BTC", "https://explorer.test.mezo.org/tx/{tx}", "0x118917a40faf1cd7a13db0ef56c86de7973ac503", "mUSD", 18),
    (31612, "Mezo", False, "BTC", "https://explorer.mezo.org/tx/{tx}", "0xdd468a1ddc392dcdbef6db6e34e89aa338f9f186", "mUSD", 18),
    (42161, "Arbitrum", False, "ETH", "https://arbiscan.io/tx/{tx}", "0xaf88d065e77c8cc2239327c5edb3a432268e5831", "USDC", 6),
    (42220, "Celo", False, "CELO", "https://celoscan.io/tx/{tx}", "0xceba9300f2b948710d2653dd7b07f33a8b32118c", "USDC", 6),
    (43113, "Avalanche Fuji", True, "AVAX", "https://testnet.snowtrace.io/tx/{tx}", "0x5425890298aed601595a70ab815c96711a31bc65", "USDC", 6),
    (43114, "Avalanche", False, "AVAX", "https://snowtrace.io/tx/{tx}", "0xb97ef9ef8734c71904d8002f8b6bc66dd9c48a6e", "USDC", 6),
    (72344, "Radius Testnet", True, "RUSD", "", "0x33ad9e4bd16b69b5bfded37d8b5d9ff9aba014fb", "SBC", 6),
    (80002, "Polygon Amoy", True, "POL", "https://amoy.polygonscan.com/tx/{tx}", "0x41e94eb019c0762f9bfcf9fb1e58725bfb0e7582", "USDC", 6),
    (84532, "Base Sepolia", True, "ETH", "https://sepolia.basescan.org/tx/{tx}", "0x036cbd53842c5426634e7929541ec2318f3dcf7e", "USDC", 6),
    (181228, "HPP Sepolia", True, "ETH", "", "0x401ecb1d350407f13ba348573e5630b83638e30d", "USDC.e", 6),
    (190415, "HPP", False, "ETH", "", "0x401ecb1d350407f13ba348573e5630b83638e30d", "USDC.e", 6),
    (421614, "Arbitrum Sepolia", True, "ETH", "https://sepolia.arbiscan.io/tx/{tx}", "0x75faf114eafb1bdbe2f0316df893fd58ce46aa4d", "USDC", 6),
    (723487, "Radius", False, "RUSD", "", "0x33ad9e4bd16b69b5bfded37d8b5d9ff9aba014fb", "SBC", 6),
    (11142220, "Celo Sepolia", True, "CELO", "https://sepolia.celoscan.io/tx/{tx}", "0x01c5c0122039549ad1493b8220cabedd739bc44e", "USDC", 6),
    (11155111, "Ethereum Sepolia", True, "ETH", "https://sepolia.etherscan.io/tx/{tx}", "0x1c7d4b196cb0c7b01d743fbc6116a902379c7238", "USDC", 6),
]  # fmt: skip

SOLANA_EXPLORER = "https://solscan.io/tx/{tx}"
OTHERS: list[tuple[str, str, bool, str, int, str, str]] = [
    ("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "Solana", False, "SOL", 9, SOLANA_EXPLORER, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"),
    ("solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1", "Solana Devnet", True, "SOL", 9, SOLANA_EXPLORER + "?cluster=devnet", "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU"),
    ("solana:4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z", "Solana Testnet", True, "SOL", 9, SOLANA_EXPLORER + "?cluster=testnet", "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU"),
    ("tvm:-239", "TON", False, "TON", 9, "https://tonviewer.com/transaction/{tx}", ""),
    ("tvm:-3", "TON Testnet", True, "TON", 9, "https://testnet.tonviewer.com/transaction/{tx}", ""),
    ("unknown", "Unknown", False, "", 0, "", ""),
]  # fmt: skip

MORE_ASSETS: list[tuple[str, str, str]] = [
    ("eip155:1", "0xdac17f958d2ee523a2206206994597c13d831ec7", "USDT"),
    ("eip155:137", "0xc2132d05d31c914a87c6611c10748aeb04b58e8f", "USDT0"),
    ("eip155:42161", "0xfd086bc7cd5c481dcc9c85ebe478a1c0b69fcbb9", "USDT0"),
    ("eip155:42220", "0x48065fbbe25f71c9282ddf5e1cd6d6a887483d5e", "USDT"),
    ("eip155:42220", "0xd2ab3c9a02dbbab236bfec45d1d755df4267f771", "USAT"),
    ("eip155:43114", "0x9702230a8ea53601f5cd2dc00fdbc13d4df4a8c7", "USDT"),
    ("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB", "USDT"),
    ("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "2b1kV6DkPAnxd5ixfnxCpjxmKwqjjaYmCZfHsFu24GXo", "PYUSD"),
]  # fmt: skip


def seed(apps: Any, _schema_editor: Any) -> None:
    """Insert the rows; an operator's own additions come later, through the admin."""
    network_model = apps.get_model("billing", "Network")
    asset_model = apps.get_model("billing", "Asset")
    networks, assets = [], []
    for number, name, testnet, native, explorer, address, symbol, decimals in EVM:
        chain = f"eip155:{number}"
        networks.append((chain, name, testnet, native, 18, explorer, address))
        if address:
            assets.append((chain, address, symbol, decimals))
    for chain, name, testnet, native, native_decimals, explorer, address in OTHERS:
        networks.append((chain, name, testnet, native, native_decimals, explorer, address))
        if address:
            assets.append((chain, address, "USDC", 6))
    assets += [(*known, 6) for known in MORE_ASSETS]
    network_model.objects.bulk_create(
        network_model(
            chain_id=chain,
            name=name,
            family=chain.partition(":")[0],
            is_registered=True,
            is_testnet=testnet,
            native_symbol=native,
            native_decimals=native_decimals if native else None,
            explorer_url=explorer,
            default_asset=address,
        )
        for chain, name, testnet, native, native_decimals, explorer, address in networks
    )
    asset_model.objects.bulk_create(
        asset_model(network_id=chain, address=address, symbol=symbol, decimals=decimals, usd_peg=1)
        for chain, address, symbol, decimals in assets
    )


def seed_default_source(apps: Any, _schema_editor: Any) -> None:
    """The source of tokens that name none."""
    apps.get_model("billing", "Source").objects.get_or_create(
        slug="default", defaults={"name": "Default facilitator", "kind": "facilitator"}
    )


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_rules")]

    operations = [
        migrations.RunPython(seed, migrations.RunPython.noop),
        migrations.RunPython(seed_default_source, migrations.RunPython.noop),
    ]
