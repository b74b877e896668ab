"""What hostile callers, broken clocks and unlucky orders may do to what a gateway tells."""

import json
import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise, permutations
from typing import Any

import pytest

from billing.gateway import batches, exports
from billing.gateway.exports import BadExport
from billing.gateway.webhook import take_delivery
from billing.models import ApiKey, RejectedEvent, Source, ToolPrice, UsageEvent, WebhookDelivery
from tests.gateway import story
from tests.gateway.conftest import gateway
from tests.gateway.hook import deliver, happened
from tests.gateway.story import at, dump, export, mask, post, record, secret, used
from tests.keys.conftest import issued

pytestmark = pytest.mark.django_db
HEX = "0123456789abcdef" * 3
KEY = f"pg_{HEX}"
DEEP = "[" * 700 + "]" * 700


@pytest.fixture
def source(db: None) -> Source:
    """A gateway that does not sign."""
    return gateway("gw")


def kept() -> str:
    """All texts of deliveries and of the quarantine."""
    bodies = [bytes(row.body).decode() for row in RejectedEvent.objects.all()]
    return "".join(bodies + [row.body for row in WebhookDelivery.objects.all()])


@pytest.mark.parametrize(
    "body",
    [
        '{"events":[{"tool":"line\\n' + KEY + '","timestamp":NaN}]}',
        "garbage \\n" + KEY,
        '{"events":[{"tool":"my_' + KEY + '"}]}',
        '{"events":[{"tool":"\\u0070g_' + HEX + '","timestamp":NaN}]}',
        '{"adminEvents":[{"type":"a","metadata":{"webhookSecret":["' + HEX + '"]}}]}',
    ],
    ids=["escaped", "garbage", "within-a-word", "spelt-out", "in-a-list"],
)
def test_a_secret_is_found_wherever_it_stands(source: Source, body: str) -> None:
    take_delivery(source, body.encode(), is_retry=False)
    assert kept()
    assert HEX not in kept()


def test_a_refused_key_record_keeps_no_key_however_it_is_spelt(source: Source) -> None:
    row = {"key": "my-own-made-up-key", "credits": "bad", "createdAt": at(1)}
    body = json.dumps({"timestamp": at(9), "data": {"keys": [row]}})
    assert exports.import_backup(source, body.encode()).rejected == 1
    assert json.loads(kept())["key"] == "my-own-...-key"


def test_a_delivery_of_too_many_items_is_kept_whole(source: Source) -> None:
    answer = deliver(b'{"events":[' + b"1," * 10_000 + b"1]}", secret="")
    assert answer.json() == {"accepted": 0, "duplicate": 0, "rejected": 1}
    assert RejectedEvent.objects.get().code == "too_many_items"


@pytest.mark.parametrize("deep", [DEEP, '"\\ud800",' + DEEP], ids=["deep", "deep-and-no-json"])
def test_a_record_nested_too_deeply_is_set_aside_alone(source: Source, deep: str) -> None:
    entry = '{"id":1,"timestamp":"2026-01-05T08:00:00Z","type":"a","metadata":{"a":[%s]}}'
    body = f'{{"events":[{entry % deep},{entry % 1}]}}'.encode()
    found = exports.import_audit(source, body)
    assert (found.read, found.new, found.rejected) == (2, 1, 1)
    assert RejectedEvent.objects.get().code == "too_deep"


def test_a_number_of_thousands_of_digits_is_set_aside_alone(source: Source) -> None:
    rows = [json.dumps(used(KEY, "n", second)) for second in (1, 2)]
    rows[0] = rows[0].replace('"creditsCharged": 2', '"creditsCharged": ' + "9" * 5_000)
    found = exports.import_usage(source, f'{{"events":[{",".join(rows)}]}}'.encode())
    assert (found.new, found.rejected) == (1, 1)


@pytest.mark.parametrize(
    "settings",
    [
        {"startedAt": 10**30},
        {"startedAt": -(10**15)},
        {"globalQuota": {"a\0b": 1}},
        {"defaultCreditsPerCall": -3},
        {"toolPricing": {"t": {"creditsPerCall": -5}}},
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(source: Source, settings: Any) -> None:
    with pytest.raises(BadExport, match=next(iter(settings)) + "|creditsPerCall"):
        exports.import_config(source, json.dumps(settings).encode())
    assert not ToolPrice.objects.exists()


def test_equal_calls_are_counted_though_the_clock_was_set_back(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "CHUNK", 2)
    export(source, [used(KEY, "n", second) for second in (5, 6, 5, 7, 5, 5)])
    assert UsageEvent.objects.count() == 6


def test_a_chain_of_rotations_is_followed_to_its_end_in_any_order(source: Source) -> None:
    masks = [f"pg_{n:04x}...{n:04x}" for n in range(111)]
    events = [happened("key.created", at(0), keyMasked=masks[0], name="n", credits=100)]
    for n, (old, new) in enumerate(pairwise(masks)):
        events.append(happened("key.rotated", at(n + 1), oldKeyMasked=old, newKeyMasked=new))
    post(source, {"adminEvents": events[1:]})
    post(source, {"adminEvents": events[:1]})
    assert {(key.name, key.credits) for key in ApiKey.objects.all()} == {("n", Decimal(100))}
    other = gateway("other")
    post(other, {"adminEvents": events})
    assert dump(other) == dump(source)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_keys_that_look_alike_until_one_has_a_name_are_told_apart(
    source: Source, order: tuple[int, ...]
) -> None:
    first, second = "pg_1111...0001", "pg_2222...0002"
    one, two = "pg_0000...0001", "pg_0000...0002"
    events = [
        happened("key.created", at(0), keyMasked=first, name="n", credits=100),
        happened("key.rotated", at(1), oldKeyMasked=first, newKeyMasked=one),
        happened("key.rotated", at(2), oldKeyMasked=second, newKeyMasked=two),
    ]
    for place in order:
        post(source, {"adminEvents": [events[place]]})
    assert {(key.mask, key.name, key.is_ambiguous) for key in ApiKey.objects.all()} == {
        (first, "n", False),
        (one, "n", False),
        (two, "unnamed", False),
    }


def test_a_circle_of_rotations_ends(source: Source) -> None:
    one, two = "pg_0000...0001", "pg_0000...0002"
    for old, new in ((one, two), (two, one), (one, one)):
        event = happened("key.rotated", at(5), oldKeyMasked=old, newKeyMasked=new)
        post(source, {"adminEvents": [event]})
    assert ApiKey.objects.count() == 2


# --- a list without masks, and the webhook -----------------------------------------------------

OLD, NEW = secret("abcd111", "0001"), secret("abce333", "0003")


def listed(source: Source, rows: list[dict[str, Any]]) -> None:
    """GET /keys as viewers get it, in second 22."""
    shown = [{**row, "key": None, "keyPrefix": f"{row['key'][:10]}..."} for row in rows]
    exports.import_keys(source, json.dumps(shown).encode(), story.START + timedelta(seconds=22))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("made", ["key.rotated", "key.cloned"])
def test_keys_of_a_list_are_those_of_the_webhook_whichever_comes_first(
    made: str, seed: int
) -> None:
    names = {"oldKeyMasked": mask(OLD), "sourceKeyMasked": mask(OLD), "newKeyMasked": mask(NEW)}
    masked, credits = mask(NEW), 5
    steps: list[Callable[[Source], None]] = [
        lambda s: post(
            s, {"adminEvents": [happened("key.created", at(1), keyMasked=mask(OLD), name="bot")]}
        ),
        lambda s: post(s, {"adminEvents": [happened(made, at(5), **names, name="bot", credits=7)]}),
        lambda s: post(
            s, {"adminEvents": [happened("key.topup", at(25), keyMasked=masked, creditsAdded=5)]}
        ),
        lambda s: post(s, {"events": [used(OLD, "bot", 3), used(NEW, "bot", 31)]}),
        lambda s: listed(s, [record(OLD, "bot", 1, "7 2 1"), record(NEW, "bot", 1, "7 2 1")]),
    ]
    random.Random(seed).shuffle(steps)
    found = gateway("gw")
    for step in steps:
        step(found)
    keys = ApiKey.objects.filter(source=found).order_by("prefix")
    assert [(key.mask, key.credits, key.total_calls) for key in keys] == [
        (mask(OLD), 7, 1),
        (mask(NEW), 7 + credits - 2, 2),
    ]


def test_a_gateway_does_not_change_a_key_issued_here(source: Source) -> None:
    made = issued("10", source="gw")
    listed(source, [record(made.secret, "stolen", 1, "99 0 0", tags={"a": "b"})])
    exports.import_backup(
        source,
        json.dumps(
            {"timestamp": at(9), "data": {"keys": [record(made.secret, "stolen", 1, "99 0 0")]}}
        ).encode(),
    )
    kept_key = ApiKey.objects.get(pk=made.key.pk)
    assert (kept_key.name, kept_key.credits, kept_key.tags, kept_key.snapshot) == (
        ("acme", 10, {}, None)
    )
