"""Every analysis answers what the recorded gateway answered, byte for byte."""

from datetime import datetime

import pytest

from analytics.api.dropin import ANALYSES
from analytics.registry import Family, find_report
from analytics.units import iso_ms
from billing.api.renderers import exact_json
from tests.gateway.conftest import NOW, START, recorded, said

pytestmark = pytest.mark.django_db

SLUGS = set(ANALYSES)  # one that is not registered fails; reports beyond these have other tests
# Counters of the gateway's own process, and answers that the act of recording changed.
OWN_COUNTS = {"webhook-health"}
RECORDED = {"audit-summary", "compliance-export"}
VARIANTS = sorted(
    name
    for name in said("reports", "_index")["reports"]
    if "__" in name and not name.startswith("compliance-export")
)


def answered(slug: str, source: str, now: datetime, **query: str) -> bytes:
    """The report's body as of a moment."""
    asked = {"source": source, "as_of": now.isoformat(), **query}
    return exact_json(find_report(slug, Family.GATEWAY).answer(asked).data)


@pytest.mark.parametrize("slug", sorted(SLUGS - OWN_COUNTS - RECORDED))
def test_the_answer_is_the_recorded_one(slug: str, golden: str) -> None:
    assert answered(slug, golden, NOW) == recorded(f"reports/{slug}.json")


@pytest.mark.parametrize("slug", sorted(SLUGS - OWN_COUNTS - RECORDED))
def test_an_empty_gateway_answers_the_recorded_empties(slug: str, untouched: str) -> None:
    assert answered(slug, untouched, START) == recorded(f"empty/{slug}.json")


@pytest.mark.parametrize("name", [v for v in VARIANTS if v.partition("__")[0] in SLUGS])
def test_a_query_variant_answers_the_recorded_one(name: str, golden: str) -> None:
    slug, _, _ = name.partition("__")
    query = said("reports", "_index")["reports"][name]["path"].partition("?")[2]
    asked = dict(pair.split("=", 1) for pair in query.split("&"))
    assert answered(slug, golden, NOW, **asked) == recorded(f"reports/{name}.json")


def test_the_moment_is_written_as_javascript_writes_it() -> None:
    assert iso_ms(NOW) == "2026-02-16T12:00:30.000Z"
