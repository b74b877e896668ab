"""The report `top-resources`."""

import pytest

from tests.builders import ALICE, BOB, ask, paid, send

pytestmark = pytest.mark.django_db

AT = "2026-03-10T11:00:00Z"


def test_queries_and_fragments_do_not_split_a_resource() -> None:
    send(
        paid("a", AT, "1", payer=ALICE, resource="https://api.test/weather?city=Oslo"),
        paid("b", AT, "2", payer=BOB, resource="https://api.test/weather?city=Rome#top"),
        paid("c", AT, "9", payer=BOB, resource="https://api.test/maps"),
        paid("d", AT, "100", payer=BOB),
    )
    rows = ask("top-resources")
    assert [(r["volume"], r["count"], r["uniquePayers"]) for r in rows] == [
        ("9.000000", 1, 1),
        ("3.000000", 2, 2),
    ]


def test_unpriced_payments_count_and_are_stated() -> None:
    send(
        paid("a", AT, "1", resource="https://api.test/x"),
        paid("b", AT, "500", resource="https://api.test/x", asset="0x" + "99" * 20),
    )
    (row,) = ask("top-resources")
    assert (row["volume"], row["count"], row["unpricedPayments"]) == ("1.000000", 2, 1)


def test_the_list_is_cut_at_the_limit_and_to_the_window() -> None:
    send(paid(f"p{n}", AT, str(n), resource=f"https://api.test/{n}") for n in range(1, 4))
    assert [row["volume"] for row in ask("top-resources", limit="1")] == ["3.000000"]
    assert ask("top-resources", window="24h", as_of="2026-03-12T00:00:00Z") == []
