"""The report `top-payees`."""

import pytest

from analytics.registry import find_report
from tests.builders import ALICE, BOB, CAFE, NOON, SHOP, ask, paid, send

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("window", ["all", "30d"])
def test_payees_come_by_amount_with_the_number_of_their_payers(window: str) -> None:
    send(
        paid("a", "2026-03-01T00:00:00Z", "1", payer=ALICE, payee=SHOP),
        paid("b", "2026-03-02T00:00:00Z", "1", payer=ALICE, payee=SHOP),
        paid("c", "2026-03-03T00:00:00Z", "1", payer=BOB, payee=SHOP),
        paid("d", "2026-03-03T00:00:00Z", "1", payer=None, payee=SHOP),
        paid("e", "2026-03-04T00:00:00Z", "9", payer=BOB, payee=CAFE),
    )
    assert ask("top-payees", window=window) == [
        {"address": CAFE, "totalReceived": "9.000000", "paymentCount": 1, "uniquePayers": 1},
        {"address": SHOP, "totalReceived": "4.000000", "paymentCount": 4, "uniquePayers": 2},
    ]


@pytest.mark.parametrize("window", ["all", "30d"])
def test_later_payments_make_no_payers(window: str) -> None:
    send(
        paid("a", "2026-03-10T11:00:00Z", "1", payer=ALICE, payee=SHOP),
        paid("b", "2026-03-10T13:00:00Z", "1", payer=BOB, payee=SHOP),
    )
    (row,) = ask("top-payees", window=window)
    assert (row["paymentCount"], row["uniquePayers"]) == (1, 1)


def test_payments_without_a_payee_are_in_no_row_and_stated() -> None:
    send(paid("a", "2026-03-10T11:00:00Z", payee=None))
    answer = find_report("top-payees").answer({"as_of": NOON})
    assert (answer.data, answer.notes) == ([], {"without_payee": 1, "unpriced_payments": 0})
