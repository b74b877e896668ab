"""Deciding about networks, assets and prices changes what stored payments are worth."""

from decimal import Decimal

import pytest
from django.test import Client

from billing.models import Asset, NativePrice, Network, Payment
from tests.builders import ask, paid, send

TOKEN = "0x" + "ee" * 20
AT = "2026-03-10T10:00:00Z"


def test_pricing_an_asset_prices_the_payments_made_in_it(staff: Client) -> None:
    send(paid("p1", AT, "5", asset=TOKEN))
    assert Payment.objects.get().amount_usd is None
    asset = Asset.objects.get(address=TOKEN)
    url = f"/admin/billing/asset/{asset.pk}/change/"
    assert "unpriced" in staff.get("/admin/billing/asset/").content.decode()
    response = staff.post(url, {"symbol": "EURX", "decimals": "6", "usd_peg": "1.1"})
    assert response.status_code == 302
    assert Payment.objects.get().amount_usd == Decimal("5.5")
    assert ask("payments")["totalVolume"] == "5.500000"


def test_registering_a_network_brings_its_payments_into_the_figures(staff: Client) -> None:
    send(paid("p1", AT, "5", network="eip155:424242"))
    assert ask("payments")["totalPayments"] == 0
    url = "/admin/billing/network/eip155_3A424242/change/"
    form = {
        "name": "Newchain",
        "is_registered": "on",
        "native_symbol": "NEW",
        "native_decimals": "18",
        "explorer_url": "",
        "default_asset": "",
    }
    assert staff.post(url, form).status_code == 302
    network = Network.objects.get(pk="eip155:424242")
    assert (network.name, network.is_registered) == ("Newchain", True)
    found = ask("payments")
    assert (found["totalPayments"], found["totalVolume"]) == (1, "5.000000")


def test_an_unregistered_network_is_listed_first(staff: Client) -> None:
    send(paid("p1", AT, network="eip155:424242"))
    page = staff.get("/admin/billing/network/")
    assert page.context["cl"].result_list[0].pk == "eip155:424242"


def test_a_new_asset_is_added_through_the_form(staff: Client) -> None:
    form = {
        "network": "eip155:8453",
        "address": "0x" + "AB" * 20,
        "symbol": "EURC",
        "decimals": "6",
        "usd_peg": "1.08",
    }
    assert staff.post("/admin/billing/asset/add/", form).status_code == 302
    assert Asset.objects.get(symbol="EURC").address == "0x" + "ab" * 20


def test_a_native_price_prices_the_gas_from_its_moment_on(staff: Client) -> None:
    gas = {"gasUsed": "21000", "effectiveGasPrice": "1000000000"}
    send(paid("p1", AT, **gas))
    assert Payment.objects.get().gas_usd is None
    form = {
        "network": "eip155:8453",
        "usd": "2000",
        "valid_from_0": "2026-03-01",
        "valid_from_1": "00:00:00",
    }
    assert staff.post("/admin/billing/nativeprice/add/", form).status_code == 302
    assert NativePrice.objects.get().usd == 2000
    assert Payment.objects.get().gas_usd == Decimal("0.042")


@pytest.mark.parametrize("name", ["network", "asset", "nativeprice"])
def test_what_facts_refer_to_cannot_be_deleted(staff: Client, name: str) -> None:
    row = {
        "network": "eip155_3A8453",
        "asset": str(Asset.objects.values_list("pk", flat=True)[0]),
    }.get(name, "1")
    assert staff.post(f"/admin/billing/{name}/{row}/delete/", {"post": "yes"}).status_code == 403
