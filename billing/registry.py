"""Staff's decisions about networks, assets and prices; stored payments follow them.

USD values are stored, so a change here rewrites the rows it concerns and their triggers mark the
buckets. Ingest holds the registry lock shared; a change holds it exclusively only until its own
commit, after which new events see the new registry and a repricing pass corrects older rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import connection, transaction

from billing.chains import canonical_network, family_of
from billing.ingest.door import retried
from billing.ingest.merge import REGISTRY_LOCK, refresh_batches
from billing.ingest.sql import FACTS
from billing.models import Asset, NativePrice, Network, SettlementBatch

CHUNK = 5_000  # payments rewritten per transaction, so that ingest never waits long

_ROWS = """
select p.id from billing_payment p
where p.network_id = %s and p.id > %s order by p.id limit %s
"""

_REPRICE = f"""
update billing_payment p set ({FACTS}) = (
    select t.* from billing_payment_facts(p.received_stage, p.verified_stage, p.expired_stage,
        p.pending_stage, p.failed_stage_winner, p.settled_stage, p.reversed_stage,
        p.refunded_stage, p.gas_share, p.settled_low, p.settled_high) t)
from (select q.id from billing_payment q where q.id = any(%s)
      order by q.source_id, q.payment_id for update) locked
where p.id = locked.id
"""  # noqa: S608 - composed of constants

_REPRICE_ENTRIES = """
update billing_revenuerecord r
set amount = t.amount, amount_usd = t.amount_usd
from billing_revenuerecord e
cross join lateral billing_entry_facts(
    e.network_id, null, e.own_asset, e.amount, e.amount_atomic) t
where e.id = r.id and e.network_id = %s and not e.is_projection
  and (e.amount, e.amount_usd) is distinct from (t.amount, t.amount_usd)
"""

# Their lines in the money book are in native coins, whose symbol or decimals may have changed.
_PROJECT_BATCHES = """
update billing_settlementbatch set network_id = network_id
where network_id = %s and (gas_used is not null or gas_cost is not null)
"""


def register_network(chain_id: str, **fields: Any) -> Network:
    """Create or change a network, mark it registered, and reprice what is stored of it.

    `fields` are columns of Network (name, is_testnet, native_symbol, native_decimals, ...).
    """
    chain = canonical_network(chain_id)
    if family_of(chain) == "eip155" and "default_asset" in fields:
        fields["default_asset"] = fields["default_asset"].lower()
    values = {"name": chain, "family": family_of(chain)[:16], "is_registered": True} | fields
    with _registry_change():
        network, created = Network.objects.get_or_create(chain_id=chain, defaults=values)
        if not created:
            for name, value in ({"is_registered": True} | fields).items():
                setattr(network, name, value)
            network.save()
    reprice(chain)
    return network


def register_asset(network: Network, address: str, **fields: Any) -> Asset:
    """Create or change an asset (symbol, decimals, usd_peg) and reprice what is stored in it."""
    canonical = address.lower() if network.family == "eip155" else address
    with _registry_change():
        asset, _ = Asset.objects.update_or_create(
            network=network, address=canonical, defaults=fields
        )
    reprice(network.pk)
    return asset


def set_native_price(network: Network, usd: Decimal, valid_from: datetime) -> NativePrice:
    """Enter what a native coin is worth in USD from a moment on, and price gas with it."""
    with _registry_change():
        price, _ = NativePrice.objects.update_or_create(
            network=network, valid_from=valid_from, defaults={"usd": usd}
        )
    reprice(network.pk)
    return price


@contextmanager
def _registry_change() -> Iterator[None]:
    """A transaction that waits for running ingest and keeps new ingest out until it commits."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [REGISTRY_LOCK])
        yield


def reprice(chain_id: str) -> int:
    """Derive every payment, batch and entry of a network again, in chunks; how many payments."""
    last = count = 0
    while ids := retried(partial(_reprice_chunk, chain_id, last)):
        last, count = ids[-1], count + len(ids)
    retried(partial(_reprice_rest, chain_id))
    return count


def _reprice_chunk(chain_id: str, after: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [chain_id, after, CHUNK])
        ids = [row[0] for row in cursor.fetchall()]
        if ids:
            cursor.execute(_REPRICE, [ids])
    return ids


def _reprice_rest(chain_id: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_REPRICE_ENTRIES, [chain_id])
        batches = SettlementBatch.objects.filter(network_id=chain_id).order_by("id")
        refresh_batches(cursor, list(batches.values_list("id", flat=True)))
        cursor.execute(_PROJECT_BATCHES, [chain_id])
