"""keys-stats: keys by state, namespace and group."""

import pytest

from tests.gateway.small import ask, key, small_gateway

pytestmark = pytest.mark.django_db

PAST, FUTURE = "2026-02-16T12:00:00.000Z", "2026-02-16T12:00:00.001Z"


def test_every_key_is_in_one_state() -> None:
    small_gateway(
        [
            key(1, active=False, suspended=True, expiresAt=PAST),
            key(2, suspended=True, expiresAt=PAST),
            key(3, expiresAt=PAST),  # at the very moment
            key(4, expiresAt=FUTURE, credits=5, totalSpent=7, totalCalls=2),
            key(5, credits=0, totalSpent=3, totalCalls=1),
        ]
    )
    assert ask("keys-stats") == {
        "total": 5,
        "active": 2,
        "suspended": 1,
        "expired": 1,
        "revoked": 1,
        "totalCreditsAllocated": 305,
        "totalCreditsSpent": 10,
        "totalCreditsRemaining": 295,
        "totalCalls": 3,
        "byNamespace": {"default": 5},
        "byGroup": {},
    }


def test_namespaces_and_groups_come_in_the_order_of_keys_but_for_numbers() -> None:
    small_gateway(
        [
            key(1, namespace="zeta", group="grp_b"),
            key(2, namespace="10", group="grp_a"),
            key(3, namespace="9", group="grp_b"),
            key(4, namespace="acme"),
        ]
    )
    answer = ask("keys-stats")
    assert list(answer["byNamespace"].items()) == [("9", 1), ("10", 1), ("zeta", 1), ("acme", 1)]
    assert list(answer["byGroup"].items()) == [("grp_b", 2), ("grp_a", 1)]


def test_one_namespace_only() -> None:
    small_gateway([key(1, namespace="acme", group="grp_a"), key(2, group="grp_b")])
    answer = ask("keys-stats", namespace="acme")
    assert (answer["total"], answer["byNamespace"]) == (1, {"acme": 1})
    assert answer["byGroup"] == {"grp_a": 1}
    assert answer["filteredByNamespace"] == "acme"
    assert ask("keys-stats", namespace="nowhere")["total"] == 0
