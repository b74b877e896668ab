"""The recorded analyses hold for any names, keys and times, not for the recorded ones only."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from billing.api.renderers import exact_json
from billing.gateway import exports
from billing.models import ApiKey, UsageEvent
from tests.gateway.conftest import (
    NOW,
    START,
    gateway,
    import_golden,
    import_settings,
    recorded,
    said,
)
from tests.gateway.shifted import OWN_WORDS, SHIFT, Shifted
from tests.gateway.test_golden import OWN_COUNTS, RECORDED, SLUGS, VARIANTS, answered

pytestmark = pytest.mark.django_db

MOVED = Shifted(recorded("backup.json"), recorded("info.json"), recorded("usage.json"))
OUTSIDE = [
    ("analytics", {"from": "2026-02-15T00:00:00.000Z"}),
    ("tools-stats", {}),
    ("tools-stats__tool=search", {"tool": "search"}),
    ("keys-stats", {}),
    ("namespaces", {}),
]


def moved(name: str) -> bytes:
    """A recorded file, moved and renamed."""
    return MOVED.file(recorded(name))


@pytest.fixture(scope="module")
def shifted(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The slug of the moved gateway; gone again after the module."""
    with django_db_blocker.unblock(), transaction.atomic():
        import_golden(gateway("shifted"), moved)
        with connection.cursor() as cursor:
            cursor.execute("analyze")
        yield "shifted"
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def untouched_then(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The slug of the moved gateway before it had keys."""
    with django_db_blocker.unblock(), transaction.atomic():
        source = gateway("untouched-then")
        import_settings(source, moved)
        event = {
            "id": 1,
            "timestamp": (START + SHIFT).isoformat(timespec="milliseconds")[:23] + "Z",
            "type": "config.export",
            "actor": "admin",
            "message": "Compliance report exported: soc2 (json)",
            "metadata": {"framework": "soc2", "format": "json", "events": 0},
        }
        exports.import_audit(source, json.dumps({"events": [event]}).encode())
        yield "untouched-then"
        transaction.set_rollback(True)


@pytest.mark.parametrize("slug", sorted(SLUGS - OWN_COUNTS - RECORDED))
def test_the_answer_is_the_recorded_one_moved(slug: str, shifted: str) -> None:
    assert answered(slug, shifted, NOW + SHIFT) == moved(f"reports/{slug}.json")


@pytest.mark.parametrize("slug", sorted(SLUGS - OWN_COUNTS - RECORDED))
def test_the_answer_of_an_empty_gateway_is_the_recorded_one_moved(
    slug: str, untouched_then: str
) -> None:
    assert answered(slug, untouched_then, START + SHIFT) == moved(f"empty/{slug}.json")


@pytest.mark.parametrize("name", VARIANTS)
def test_a_query_variant_answers_the_recorded_one_moved(name: str, shifted: str) -> None:
    slug, _, _ = name.partition("__")
    query = said("reports", "_index")["reports"][name]["path"].partition("?")[2]
    asked = dict(pair.split("=", 1) for pair in query.split("&"))
    asked = {key: MOVED.text(value) for key, value in asked.items()}
    assert answered(slug, shifted, NOW + SHIFT, **asked) == moved(f"reports/{name}.json")


@pytest.mark.parametrize(("name", "query"), OUTSIDE)
def test_the_analyses_outside_are_the_recorded_ones_moved(
    name: str, query: dict[str, str], shifted: str
) -> None:
    asked = {key: MOVED.text(value) for key, value in query.items()}
    found = answered(name.partition("__")[0], shifted, NOW + SHIFT, **asked)
    assert found == moved(f"exports/{name}.json")


@pytest.mark.parametrize("slug", ["keys-usage", "keys-credit-history"])
def test_the_analyses_of_one_key_are_the_recorded_ones_moved(slug: str, shifted: str) -> None:
    for name, answer in json.loads(recorded(f"exports/{slug}.json"), parse_float=Decimal).items():
        key = MOVED.keys[answer["key"]]
        found = answered(slug, shifted, NOW + SHIFT, key=key)
        assert found == exact_json(MOVED.document(answer)), name


def test_nothing_is_left_of_the_recorded_names_keys_and_times(shifted: str) -> None:
    keys = ApiKey.objects.filter(source__slug=shifted)
    calls = UsageEvent.objects.filter(source__slug=shifted)
    was, now = set(MOVED.names), set(MOVED.names.values())
    assert not was & now
    assert set(keys.values_list("name", flat=True)) - set(OWN_WORDS) <= now
    assert set(calls.values_list("tool", flat=True)) <= now
    assert not keys.filter(prefix__in=MOVED.keys).exists()
    assert not calls.filter(at__gt=NOW + SHIFT).exists()
    lengths = {len(new) - len(old) for old, new in MOVED.names.items()}
    assert len(lengths) > 1


def test_the_new_names_sort_as_the_old_ones() -> None:
    names = {**MOVED.names, **{word: word for word in OWN_WORDS}}
    assert [names[old] for old in sorted(names)] == sorted(names.values())
