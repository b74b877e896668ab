"""The report `revenue-breakdown`."""

import pytest

from tests.builders import ask, earned, paid, send

pytestmark = pytest.mark.django_db


def test_it_splits_revenue_by_kind_over_all_time() -> None:
    send(
        paid("old", "2025-01-01T00:00:00Z", "1", "0.1"),
        paid("new", "2026-03-10T10:00:00Z", "1", "0.02"),
        earned("s", "2026-03-01T00:00:00Z", "gas_sponsorship", "3"),
        earned("p", "2026-03-02T00:00:00Z", "premium", "40"),
        earned("t", "2026-03-02T00:00:00Z", "premium", "500", network="base-sepolia"),
    )
    found = ask("revenue-breakdown")
    assert {name: found[name] for name in list(found)[:4]} == {
        "facilitatorFees": "0.120000",
        "gasSponsorship": "3.000000",
        "premiumFeatures": "40.000000",
        "total": "43.120000",
    }


def test_a_fee_without_a_price_is_counted_and_left_out() -> None:
    send(paid("odd", "2026-03-10T10:00:00Z", "1", "7", asset="0x" + "99" * 20))
    found = ask("revenue-breakdown")
    assert (found["total"], found["unpricedRevenue"]) == ("0.000000", 1)


def test_many_small_fees_add_up_exactly() -> None:
    send(paid(f"p{n}", "2026-03-10T10:00:00Z", "1", "0.000001") for n in range(10_000))
    assert ask("revenue-breakdown")["total"] == "0.010000"
