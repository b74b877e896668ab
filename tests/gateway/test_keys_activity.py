"""keys-activity: what happened to one key and what it called."""

import pytest
from rest_framework.exceptions import ValidationError

from tests.gateway.small import ask, call, denied, key, logged, mask, small_gateway

pytestmark = pytest.mark.django_db

TEN = "2026-02-16T10:00:00.000Z"


def test_one_timeline_of_log_and_calls_newest_first() -> None:
    small_gateway(
        [key(1), key(2)],
        [
            call(1, "2026-02-16T09:00:00.000Z", creditsCharged=2),
            call(1, TEN, tool="a"),
            denied(1, "rate_limited: 5", at=TEN, tool="b"),
            call(2, TEN),
        ],
        [
            logged(1, "key.created", metadata={"keyMasked": mask(1), "credits": 1.50}),
            logged(2, "key.note_added", metadata={"key": mask(1), "text": "x"}),
            logged(3, "key.revoked", metadata={"keyMasked": mask(2)}),
            logged(4, "gate.deny", "2026-02-16T11:00:00.000Z", actor=mask(1)),
            logged(5, "key.note_added", metadata={"key": mask(2), "text": f"as {mask(1)}"}),
        ],
    )
    answer = ask("keys-activity", key=mask(1))
    assert (answer["key"], answer["name"]) == (mask(1), "key-1")
    assert (answer["total"], answer["limit"]) == (6, 50)
    assert [(event["source"], event["type"], event["message"]) for event in answer["events"]] == [
        ("audit", "gate.deny", "entry 4"),
        ("audit", "key.note_added", "entry 2"),
        ("audit", "key.created", "entry 1"),
        ("usage", "tool.call", "Called a (1 credits)"),
        ("usage", "tool.denied", "Denied b: rate_limited: 5"),
        ("usage", "tool.call", "Called search (2 credits)"),
    ]
    assert answer["events"][2]["metadata"] == {"keyMasked": mask(1), "credits": 1.5}
    assert answer["events"][4] == {
        "timestamp": TEN,
        "source": "usage",
        "type": "tool.denied",
        "message": "Denied b: rate_limited: 5",
        "metadata": {
            "tool": "b",
            "creditsCharged": 0,
            "allowed": False,
            "denyReason": "rate_limited: 5",
        },
    }


def test_both_ends_of_a_rotation_and_of_a_transfer() -> None:
    rotated = {"oldKeyMasked": mask(1), "newKeyMasked": mask(2)}
    moved = {"fromKeyMasked": mask(2), "toKeyMasked": mask(1), "credits": 5}
    small_gateway(
        [key(1), key(2)],
        audit=[
            logged(1, "key.rotated", metadata=rotated),
            logged(2, "key.credits_transferred", metadata=moved),
        ],
    )
    for number in (1, 2):
        events = ask("keys-activity", key=mask(number))["events"]
        assert [event["metadata"] for event in events] == [moved, rotated]


def test_only_so_many_and_only_in_the_window() -> None:
    calls = [call(1, f"2026-02-16T09:{n:02}:00.000Z", tool=f"t{n}") for n in range(5)]
    small_gateway([key(1)], calls, [logged(1, "gate.allow", calls[3]["timestamp"], actor=mask(1))])
    answer = ask("keys-activity", key=mask(1), limit="3")
    assert (answer["total"], answer["limit"]) == (6, 3)
    assert [event["type"] for event in answer["events"]] == ["tool.call", "gate.allow", "tool.call"]
    later = ask("keys-activity", key=mask(1), **{"from": "2026-02-16T09:03:00Z"})
    assert later["total"] == 3
    for limit in ("0", "201"):
        with pytest.raises(ValidationError):
            ask("keys-activity", key=mask(1), limit=limit)


def test_entries_of_a_mask_that_keys_share_are_no_ones() -> None:
    secret = str(key(1)["key"])
    twin = key(2) | {"key": secret[:7] + "9" * (len(secret) - 11) + secret[-4:]}
    small_gateway(
        [key(1), twin],
        [call(1)],
        [logged(1, "key.revoked", metadata={"keyMasked": mask(1)})],
    )
    answer = ask("keys-activity", key="pg_0000001")
    assert [event["type"] for event in answer["events"]] == ["tool.call"]
    assert answer["total"] == 1
