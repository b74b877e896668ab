"""credit-distribution: keys by ranges of credits, the gateway's or others."""

import pytest
from rest_framework.exceptions import ValidationError

from tests.api.callers import caller
from tests.gateway.small import ask, key, small_gateway

pytestmark = pytest.mark.django_db

HELD = (0, 10, 11, 50, 200, 5000)


def ranges(**query: str) -> list[tuple[str, int, int]]:
    found = ask("credit-distribution", **query)["buckets"]
    return [(bucket["range"], bucket["count"], bucket["totalCredits"]) for bucket in found]


@pytest.fixture(autouse=True)
def _keys(db: None) -> None:
    keys = [key(n, credits=held) for n, held in enumerate(HELD, 1)]
    small_gateway([*keys, key(90, credits=10, suspended=True)])


def test_the_gateways_ranges() -> None:
    usual = [("0-10", 2, 10), ("11-50", 2, 61), ("101-500", 1, 200), ("1001+", 1, 5000)]
    assert ranges() == usual
    assert ranges(buckets="0-10,11-50,51-100,101-500,501-1000,1001+") == usual


def test_other_ranges() -> None:
    assert ranges(buckets="0-0, 1-200") == [("0-0", 1, 0), ("1-200", 4, 271)]
    assert ranges(buckets="11-11,50-60,200+") == [
        ("11-11", 1, 11),
        ("50-60", 1, 50),
        ("200+", 2, 5200),
    ]
    assert ranges(buckets="5+") == [("5+", 5, 5271)]


def test_keys_in_no_range_count_in_the_summary() -> None:
    answer = ask("credit-distribution", buckets="1-5")
    assert answer["buckets"] == []
    assert answer["summary"] == {"totalKeys": 6, "medianCredits": 31}  # (11 + 50) / 2 = 30.5


def test_an_unescaped_plus_is_one_too() -> None:
    address = "/api/v1/analytics/gateway/credit-distribution/?buckets=0-50,51+"
    found = caller("viewer").send("GET", address).json()["buckets"]
    assert [bucket["range"] for bucket in found] == ["0-50", "51+"]


@pytest.mark.parametrize(
    "buckets",
    [
        *("few", "1-", "-1-5", "5-1", "0-10,10-20", "20-30,1-5", "5+,6-10", "1-2,,3-4", "1.5-2"),
        "\u0660-\u0665",  # digits, but not these
        "0-9999999999999999",
        ",".join(f"{n}-{n}" for n in range(51)),
    ],
)
def test_what_is_no_list_of_rising_ranges_is_refused(buckets: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ranges(buckets=buckets)
    assert refused.value.get_codes() == {"buckets": ["invalid_buckets"]}


def test_fifty_ranges_are_enough() -> None:
    assert len(ranges(buckets=",".join(f"{n * 10}-{n * 10 + 9}" for n in range(50)))) == 4
