"""The same traffic by any way, in any order, any number of times ends in the same records."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from billing.gateway import exports
from billing.gateway.webhook import take_delivery
from billing.models import ApiKey, Source, UsageEvent
from tests.gateway import story
from tests.gateway.conftest import gateway, recorded
from tests.gateway.hook import DELIVERIES, call, created, happened
from tests.gateway.story import back_up, dump, export, mask, post, record, secret, used

pytestmark = pytest.mark.django_db
Step = Callable[[Source], None]


def posting(delivery: story.Delivery, is_retry: bool = False) -> Step:
    return lambda source: post(source, delivery, is_retry)


WEBHOOK: list[Step] = [posting(delivery) for delivery in story.DELIVERIES]
RETRIES: list[Step] = [posting(delivery, is_retry=True) for delivery in story.DELIVERIES]
MIDDLE: list[Step] = [lambda source: back_up(source, *story.MIDDLE_BACKUP)]
END: list[Step] = [lambda source: back_up(source, *story.END_BACKUP)]
USAGE: list[Step] = [lambda source: export(source, story.CALLS)]
PARTIAL: list[Step] = [lambda source: export(source, story.CALLS[:3])]


def after(slug: str, steps: list[Step]) -> Source:
    source = gateway(slug)
    for step in steps:
        step(source)
    return source


def figures(source: Source) -> dict[str, tuple[Any, ...]]:
    return {
        k.mask: (k.name, k.credits, k.total_spent, k.total_calls, k.active, k.suspended)
        for k in ApiKey.objects.filter(source=source)
    }


@pytest.mark.parametrize(
    "steps",
    [
        WEBHOOK,
        WEBHOOK + RETRIES,
        WEBHOOK + MIDDLE,
        WEBHOOK + USAGE,
        WEBHOOK + USAGE + MIDDLE,
        USAGE + END,
        WEBHOOK + MIDDLE + END + PARTIAL,
        WEBHOOK + RETRIES + MIDDLE + END + USAGE + USAGE + PARTIAL,
    ],
    ids=range(8),
)
def test_every_order_of_the_same_steps_gives_the_same_records(steps: list[Step]) -> None:
    first = after("told", steps)
    expected = dump(first)
    assert figures(first) == story.END
    for seed in range(12):
        shuffled = steps[:]
        random.Random(seed).shuffle(shuffled)
        assert dump(after(f"seed-{seed}", shuffled)) == expected, seed


def test_with_all_exports_it_does_not_matter_what_the_webhook_told() -> None:
    alone = dump(after("exports", USAGE + END))
    assert dump(after("webhook-first", WEBHOOK + USAGE + END)) == alone
    assert dump(after("exports-first", END + USAGE + WEBHOOK)) == alone
    assert dump(after("between", END + WEBHOOK[:7] + USAGE + RETRIES)) == alone
    assert dump(after("part", WEBHOOK[3:9] + MIDDLE + END + USAGE)) == alone


def test_an_older_backup_after_a_newer_one_changes_nothing() -> None:
    newer = dump(after("newer", MIDDLE + END))
    assert dump(after("older-last", END + MIDDLE)) == newer


def test_equal_calls_count_by_the_way_that_shows_most_of_them() -> None:
    source = gateway("gw")
    twice = [call(), call()]
    post(source, {"events": twice})
    export(source, twice)
    assert UsageEvent.objects.count() == 2
    export(source, [*twice, call()])
    assert UsageEvent.objects.count() == 3
    post(source, {"events": twice})
    assert UsageEvent.objects.count() == 4
    export(source, [call()])
    assert UsageEvent.objects.count() == 4


def test_calls_of_keys_that_are_unknown_by_then_are_found_later() -> None:
    source = gateway("gw")
    post(source, {"events": [call()]})
    assert UsageEvent.objects.get().key is None
    post(source, {"adminEvents": [created()]})
    assert UsageEvent.objects.get().key == ApiKey.objects.get()
    assert figures(source) == {"pg_aaaa...0001": ("one", 98, 2, 1, True, False)}


def test_a_late_call_does_not_decide_the_namespace() -> None:
    source = gateway("gw")
    post(source, {"adminEvents": [created()]})
    for second, namespace in ((5, "five"), (9, "nine"), (7, "seven")):
        post(source, {"events": [used("pg_aaaa111", "one", second, namespace=namespace)]})
    key = ApiKey.objects.get()
    assert (key.namespace, key.total_calls, key.credits) == ("nine", 3, 94)


def test_a_call_before_the_rotation_that_comes_late_counts_for_both() -> None:
    steps = WEBHOOK[1:] + WEBHOOK[:1]
    assert figures(after("gw", steps)) == story.END


# --- keys that look the same ------------------------------------------------------------------

TWINS = [secret("aaaa111", "ffff"), secret("aaaa222", "ffff")]
SEEN: list[Step] = [
    posting({"adminEvents": [happened("key.created", keyMasked=mask(TWINS[0]), name="x")]}),
    posting({"adminEvents": [happened("key.created", keyMasked=mask(TWINS[1]), name="y")]}),
    posting({"adminEvents": [happened("key.revoked", keyMasked=mask(TWINS[0]))]}),
    posting({"events": [used(TWINS[0], "x", 40), used(TWINS[1], "y", 41)]}),
]
LISTED: list[Step] = [
    lambda source: back_up(
        source, 30, [record(TWINS[0], "x", 1, "10 0 0"), record(TWINS[1], "y", 1, "20 0 0")]
    )
]


def test_keys_with_one_mask_are_listed_and_what_names_them_by_it_is_left_out() -> None:
    source = after("gw", LISTED + SEEN)
    keys = ApiKey.objects.filter(source=source).order_by("position")
    assert [(k.name, k.credits, k.total_calls, k.active) for k in keys] == [
        ("x", 8, 1, True),
        ("y", 18, 1, True),
    ]
    assert all(k.is_ambiguous for k in keys)


def test_keys_with_one_mask_end_the_same_in_any_order() -> None:
    expected = dump(after("told", LISTED + SEEN))
    for seed in range(12):
        shuffled = LISTED + SEEN
        random.Random(seed).shuffle(shuffled)
        assert dump(after(f"seed-{seed}", shuffled)) == expected, seed


def test_two_keys_that_the_webhook_shows_under_one_mask_are_listed_as_one_doubtful_key() -> None:
    source = after("gw", SEEN[:2])
    assert [k.is_ambiguous for k in ApiKey.objects.filter(source=source)] == [True]


ALIKE = [secret("bbbb111", "0001"), secret("bbbb222", "0002")]
TOLD: list[Step] = [
    posting({"adminEvents": [happened("key.created", keyMasked=mask(key), name="bot", credits=9)]})
    for key in ALIKE
] + [posting({"events": [used(ALIKE[0], "bot", 40), used(ALIKE[1], "bot", 41)]})]


def test_calls_that_fit_two_keys_belong_to_none_until_a_backup_tells_them_apart() -> None:
    source = after("gw", TOLD)
    assert [(k.credits, k.is_ambiguous) for k in ApiKey.objects.filter(source=source)] == [
        (9, True),
        (9, True),
    ]
    assert not UsageEvent.objects.exclude(key=None).exists()
    rows = [record(ALIKE[0], "bot", 1, "9 0 0"), record(ALIKE[1], "bot", 1, "9 0 0")]
    back_up(source, 30, rows)
    assert [(k.credits, k.is_ambiguous) for k in ApiKey.objects.filter(source=source)] == [
        (7, False),
        (7, False),
    ]
    other = gateway("other")
    back_up(other, 30, rows)
    for step in reversed(TOLD):
        step(other)
    assert dump(other) == dump(source)


# --- the recorded gateway ---------------------------------------------------------------------


def recorded_webhook(source: Source, rng: random.Random) -> None:
    """All recorded deliveries and a repetition of each, shuffled."""
    posts = [(d["body"].encode(), "X-PayGate-Retry" in d["headers"]) for d in DELIVERIES]
    posts += [(text, True) for text, _ in posts]
    rng.shuffle(posts)
    for text, is_retry in posts:
        take_delivery(source, text, is_retry)


def recorded_exports(source: Source) -> None:
    exports.import_usage(source, recorded("usage.json"))
    exports.import_backup(source, recorded("backup.json"))


def test_the_recorded_gateway_by_exports_by_webhook_and_exports_and_the_reverse() -> None:
    alone, late, early = gateway("alone"), gateway("late"), gateway("early")
    recorded_exports(alone)
    recorded_webhook(late, random.Random(1))
    recorded_exports(late)
    recorded_exports(early)
    recorded_webhook(early, random.Random(2))
    expected = dump(alone)
    assert (len(expected["keys"]), len(expected["usage"])) == (72, 814)
    assert dump(late) == expected
    assert dump(early) == expected
