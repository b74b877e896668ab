"""Testnets, and networks nobody registered, change no figure unless they are asked for."""

from typing import Any

from analytics.registry import Family, all_reports
from tests.api.callers import Caller, deliver
from tests.builders import ALICE, CAFE, Event, earned, failed, paid, received, refunded
from tests.contract.traffic import AS_OF

OUTSIDE = ("base-sepolia", "solana-devnet", "eip155:999999")


def business(network: str) -> list[Event]:
    """Whatever changes a figure."""
    at = "2026-03-10T12:07:00Z"
    return [
        paid(f"paid-{network}", at, "1000", "100", ALICE, CAFE, network=network, resource="/new"),
        received(f"open-{network}", at, "50", network=network),
        received(f"failed-{network}", at, "50", network=network),
        failed(f"failed-{network}", at, "gremlins"),
        refunded(f"paid-{network}", at, amount="3"),
        earned(f"premium-{network}", at, "premium", "70", network=network),
        earned(f"sponsor-{network}", at, "gas_sponsorship", "7", network=network),
    ]


def answers(viewer: Caller, **query: str) -> dict[str, Any]:
    """What every payment report says."""
    slugs = [report.slug for report in all_reports() if report.family is Family.PAYMENTS]
    return {
        slug: viewer.get(f"/api/v1/analytics/{slug}/", as_of=AS_OF, **query).json()
        for slug in slugs
    }


def test_testnets_and_unregistered_networks_change_no_report_by_default(viewer: Caller) -> None:
    deliver(*business("base"))
    before = answers(viewer)
    for network in OUTSIDE:
        deliver(*business(network))
    assert answers(viewer) == before


def test_testnets_are_in_every_report_that_asks_for_them(viewer: Caller) -> None:
    deliver(*business("base"))
    before = answers(viewer, include_testnets="true")
    deliver(*business("base-sepolia"))
    after = answers(viewer, include_testnets="true")
    assert [slug for slug, answer in after.items() if answer == before[slug]] == []
    assert after["payments"]["totalVolume"] == "2000.000000"
    assert after["revenue"]["totalRevenue"] == "354.000000"
    assert [row["totalPaid"] for row in after["top-payers"]] == ["2000.000000"]
