"""What an amount means: authorized or settled, escrow or volume, priced or not."""

from decimal import Decimal

import pytest

from analytics.models import HourlyStat
from analytics.rollups import roll_stale
from billing.models import Network
from billing.registry import register_asset
from tests.builders import ask, paid, received, send, settled

pytestmark = pytest.mark.django_db

AT = "2026-03-10T10:00:00Z"
TOKEN = "0xdead00000000000000000000000000000000beef"


def test_upto_charges_what_was_settled_and_not_its_ceiling() -> None:
    send(received("p", AT, "5.00", scheme="upto"), settled("p", AT, amount="2.35"))
    assert ask("payments")["totalVolume"] == "2.350000"


def test_a_sweep_is_volume_once_and_neither_escrow_nor_its_vouchers_are() -> None:
    legs = {"deposit": "50", "claim": "7"}
    send(paid(kind, AT, amount, "0", kind=kind) for kind, amount in legs.items())
    send(paid(f"voucher-{n}", AT, str(n), "0", kind="voucher") for n in (1, 2, 4))
    assert ask("payments")["totalVolume"] == "0.000000"
    send(paid("sweep", AT, "7", "0", kind="sweep"))
    assert ask("payments")["totalVolume"] == "7.000000"
    assert [row["volume"] for row in ask("hourly-stats") if row["payments"]] == ["7.000000"]
    assert [row["totalPaid"] for row in ask("top-payers")] == ["7.000000"]


def test_registering_an_asset_corrects_the_rollups_of_its_payments() -> None:
    send(
        paid("known", AT, "3", "0"),
        settled("odd", AT, "0", network="base", amountAtomic="2500000000", asset=TOKEN),
    )
    roll_stale()
    before = ask("payments")
    assert (before["totalVolume"], before["unpricedPayments"]) == ("3.000000", 1)
    assert HourlyStat.objects.get().settled_volume == 3

    base = Network.objects.get(pk="eip155:8453")
    register_asset(base, TOKEN, symbol="TKN", decimals=8, usd_peg=Decimal(2))
    after = ask("payments")
    assert (after["totalVolume"], after["unpricedPayments"]) == ("53.000000", 0)
    roll_stale()
    assert HourlyStat.objects.get().settled_volume == 53
    assert ask("payments") == after
