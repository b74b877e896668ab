"""The report `top-routes`."""

import pytest

from analytics.registry import find_report
from tests.builders import ALICE, BOB, CAFE, NOON, SHOP, ask, paid, send

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("window", ["all", "30d"])
def test_routes_are_pairs_by_volume(window: str) -> None:
    send(
        paid("a", "2026-03-01T00:00:00Z", "1", payer=ALICE, payee=SHOP),
        paid("b", "2026-03-02T00:00:00Z", "2", payer=ALICE, payee=SHOP),
        paid("c", "2026-03-03T00:00:00Z", "3", payer=ALICE, payee=CAFE),
        paid("d", "2026-03-04T00:00:00Z", "9", payer=BOB, payee=CAFE),
    )
    assert ask("top-routes", window=window) == [
        {"payer": BOB, "payee": CAFE, "volume": "9.000000", "count": 1},
        {"payer": ALICE, "payee": SHOP, "volume": "3.000000", "count": 2},
        {"payer": ALICE, "payee": CAFE, "volume": "3.000000", "count": 1},
    ]


def test_payments_that_lack_an_end_are_in_no_row_and_stated_once() -> None:
    send(
        paid("a", "2026-03-10T11:00:00Z", payer=None),
        paid("b", "2026-03-10T11:00:00Z", payee=None),
        paid("c", "2026-03-10T11:00:00Z", payer=None, payee=None),
        paid("d", "2026-03-10T11:00:00Z"),
    )
    answer = find_report("top-routes").answer({"as_of": NOON})
    assert (len(answer.data), answer.notes) == (1, {"without_route": 3, "unpriced_payments": 0})
