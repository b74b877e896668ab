"""namespaces: what the keys of each hold and spent."""

import pytest

from tests.gateway.small import ask, key, small_gateway

pytestmark = pytest.mark.django_db


def test_namespaces_in_alphabetical_order() -> None:
    small_gateway(
        [
            key(1, namespace="zeta", credits=5, totalSpent=1),
            key(2, namespace="a-b", active=False, credits=7, totalSpent=2),
            key(3, namespace="zeta", suspended=True, credits=1),
            key(4, namespace="ab", credits=0),
            key(5),
        ]
    )
    answer = ask("namespaces")
    assert answer["count"] == 4
    assert [list(namespace.values()) for namespace in answer["namespaces"]] == [
        ["a-b", 1, 0, 7, 2],
        ["ab", 1, 1, 0, 0],
        ["default", 1, 1, 100, 0],
        ["zeta", 2, 2, 6, 1],
    ]


def test_no_keys() -> None:
    small_gateway()
    assert ask("namespaces") == {"namespaces": [], "count": 0}
