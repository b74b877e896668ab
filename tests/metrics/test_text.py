"""/metrics, checked on the text itself, with Prometheus' own parser and with promtool."""

import re
import shutil
import subprocess
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from analytics.models import LiveConnection, RollupState
from billing.models import Network, Payment
from billing.registry import register_network
from tests.api.callers import START, caller, deliver, failed, received, settled, source

BASE, SEPOLIA = "eip155:8453", "eip155:84532"
NAMES = {
    "facilitator_payments_total": "counter",
    "facilitator_volume_usd": "counter",
    "facilitator_fees_usd": "counter",
    "facilitator_settlement_duration_seconds": "histogram",
    "facilitator_gas_used": "histogram",
    "facilitator_pending_payments": "gauge",
    "facilitator_active_websocket_clients": "gauge",
}


def scrape() -> str:
    """The text."""
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return answer.content.decode()


def value(text: str, series: str) -> str:
    """The value of one series, as written."""
    (found,) = re.findall(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return str(found)


def on(network: str, **labels: str) -> str:
    """Labels of a series."""
    pairs = {"network": network} | labels
    return "{" + ",".join(f'{name}="{text}"' for name, text in pairs.items()) + "}"


def test_it_has_exactly_the_agreed_names_and_types_in_order() -> None:
    types = re.findall(r"^# TYPE (facilitator_\S+) (\S+)$", scrape(), re.MULTILINE)
    assert types == list(NAMES.items())


def test_the_official_parser_reads_it() -> None:
    deliver(received("p1"), settled("p1", settlementTime=700, gasUsed=60000))
    families = {f.name: f for f in text_string_to_metric_families(scrape())}
    # The parser drops _total from the name of a counter.
    assert [name for name in families if name.startswith("facilitator_")] == [
        name.removesuffix("_total") for name in NAMES
    ]
    assert {"django_http_requests_before_middlewares", "process_cpu_seconds"} <= set(families)
    assert buckets(families["facilitator_settlement_duration_seconds"]) == dict(
        zip(["0.1", "0.5", "1", "2", "5", "10", "30", "60", "+Inf"], [0] * 2 + [1] * 7, strict=True)
    )
    assert buckets(families["facilitator_gas_used"]) == dict(
        zip(
            ["21000", "50000", "100000", "200000", "500000", "1000000", "+Inf"],
            [0] * 2 + [1] * 5,
            strict=True,
        )
    )


def buckets(family: Metric) -> dict[str, float]:
    """The cumulative counts of a histogram on Base by their upper bound."""
    return {
        s.labels["le"]: s.value
        for s in family.samples
        if s.labels.get("network") == BASE and "le" in s.labels
    }


def test_labels_are_registered_networks_and_a_fixed_set() -> None:
    for network in ("base", "base-sepolia", "solana", "eip155:777001", "any"):
        data: dict[str, Any] = {"network": network, "resource": "https://a.test/x"}
        deliver(received(f"p-{network}", **data), settled(f"p-{network}", gasUsed=60000))
        deliver(received(f"q-{network}", **data), failed(f"q-{network}", error="boom"))
    deliver(settled("early", fee="0.25"))
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(scrape()):
        if family.name.startswith("facilitator_"):
            for name, label in (pair for s in family.samples for pair in s.labels.items()):
                found.setdefault(name, set()).add(label)
    registered = Network.objects.filter(is_registered=True).values_list("chain_id", flat=True)
    assert found.pop("network") == {*registered, "unknown", "other"}
    assert found.pop("status") == {"success", "failed"}
    assert list(found) == ["le"]


needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not installed"
)


def objections(text: str) -> set[str]:
    """What promtool has against our own metrics."""
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    output = checked.stdout + checked.stderr
    assert "error" not in output.lower(), output
    return {line for line in output.splitlines() if line.startswith(("facilitator", "paygate"))}


AGREED = {
    'facilitator_fees_usd counter metrics should have "_total" suffix',
    'facilitator_volume_usd counter metrics should have "_total" suffix',
}


@needs_promtool
def test_promtool_objects_only_to_the_agreed_names() -> None:
    deliver(received("p1"), settled("p1", settlementTime=700, gasUsed=60000))
    assert objections(scrape()) == AGREED


def test_it_counts_what_was_settled_and_failed() -> None:
    deliver(
        *(received("a"), settled("a", fee="0.01", settlementTime=1500, gasUsed=60000)),
        *(received("b", amount="0.000001"), settled("b", fee="0.000001", settlementTime=90)),
        *(received("c"), failed("c")),
        *(received("d"), received("e")),
    )
    text = scrape()
    expected = {
        f"facilitator_payments_total{on(BASE, status='success')}": "2",
        f"facilitator_payments_total{on(BASE, status='failed')}": "1",
        f"facilitator_volume_usd{on(BASE)}": "1.500001",
        f"facilitator_fees_usd{on(BASE)}": "0.010001",
        f"facilitator_settlement_duration_seconds_bucket{on(BASE, le='0.1')}": "1",
        f"facilitator_settlement_duration_seconds_bucket{on(BASE, le='1')}": "1",
        f"facilitator_settlement_duration_seconds_bucket{on(BASE, le='2')}": "2",
        f"facilitator_settlement_duration_seconds_bucket{on(BASE, le='+Inf')}": "2",
        f"facilitator_settlement_duration_seconds_sum{on(BASE)}": "1.59",
        f"facilitator_settlement_duration_seconds_count{on(BASE)}": "2",
        f"facilitator_gas_used_bucket{on(BASE, le='50000')}": "0",
        f"facilitator_gas_used_bucket{on(BASE, le='100000')}": "1",
        f"facilitator_gas_used_sum{on(BASE)}": "60000",
        f"facilitator_gas_used_count{on(BASE)}": "1",
        f"facilitator_pending_payments{on(BASE)}": "2",
        f"facilitator_payments_total{on('unknown', status='success')}": "0",
    }
    assert {series: value(text, series) for series in expected} == expected


def test_it_agrees_with_the_api() -> None:
    polygon = "eip155:137"
    deliver(
        *(received("a", amount="1.25"), settled("a", fee="0.02")),
        *(received("b", amount="2.5", network=polygon), settled("b", fee="0.03")),
        *(received("t", network=SEPOLIA), settled("t"), settled("early", fee="0.5")),
        *(received("f"), failed("f")),
    )
    answer = caller().get("/api/v1/analytics/payments/", window="all").json()
    text = scrape()

    def total(name: str) -> Decimal:
        return sum(
            (Decimal(n) for n in re.findall(rf"^{name}{{.*}} (\S+)$", text, re.MULTILINE)),
            Decimal(),
        )

    assert total("facilitator_volume_usd") == Decimal(answer["totalVolume"]) == Decimal("3.75")
    assert total("facilitator_fees_usd") == Decimal(answer["totalFees"]) == Decimal("0.55")
    assert answer["successfulPayments"] == 3  # the testnet's is counted by /metrics alone


def test_testnets_are_counted_but_have_no_usd() -> None:
    deliver(received("t", network=SEPOLIA), settled("t"))
    text = scrape()
    assert value(text, f"facilitator_payments_total{on(SEPOLIA, status='success')}") == "1"
    assert f"facilitator_volume_usd{on(SEPOLIA)}" not in text
    assert f"facilitator_fees_usd{on(SEPOLIA)}" not in text
    assert value(text, f"facilitator_volume_usd{on(BASE)}") == "0"


def test_networks_nobody_registered_are_one_label() -> None:
    for n, network in enumerate(("eip155:777001", "eip155:777002")):
        deliver(received(f"p{n}", network=network), settled(f"p{n}"))
        deliver(received(f"q{n}", network=network))
    text = scrape()
    assert "eip155:777001" not in text
    assert value(text, f"facilitator_payments_total{on('other', status='success')}") == "2"
    assert value(text, f"facilitator_pending_payments{on('other')}") == "2"
    assert f"facilitator_volume_usd{on('other')}" not in text


def test_payments_without_a_network_yet_are_unknown() -> None:
    deliver(settled("early", fee="0.25"))
    text = scrape()
    assert value(text, f"facilitator_payments_total{on('unknown', status='success')}") == "1"
    assert value(text, f"facilitator_fees_usd{on('unknown')}") == "0.25"


def test_failures_count_under_the_network_their_payment_is_known_by() -> None:
    deliver(received("p1"), failed("p1"), failed("p2"), received("p2"))
    text = scrape()
    assert value(text, f"facilitator_payments_total{on(BASE, status='failed')}") == "2"
    assert value(text, f"facilitator_payments_total{on('unknown', status='failed')}") == "0"


def test_testnets_change_no_usd_series() -> None:
    deliver(received("p1"), settled("p1"))
    before = usd_lines()
    for network in (SEPOLIA, "solana-devnet", "eip155:777001"):
        deliver(received(f"t-{network}", network=network), settled(f"t-{network}"))
    assert usd_lines() == before


def usd_lines() -> list[str]:
    """The samples in USD."""
    names = ("facilitator_volume_usd{", "facilitator_fees_usd{")
    return [line for line in scrape().splitlines() if line.startswith(names)]


def test_labels_are_escaped() -> None:
    register_network('odd"\\', name="Odd")
    escaped = r'facilitator_pending_payments{network="odd\"\\"} 0'
    assert escaped in scrape().splitlines()


def test_counters_never_fall() -> None:
    deliver(received("p1"), settled("p1"))
    success = f"facilitator_payments_total{on(BASE, status='success')}"
    volume = f"facilitator_volume_usd{on(BASE)}"
    before = scrape()
    assert (value(before, success), value(before, volume)) == ("1", "1.5")

    deliver(
        {
            "type": "payment:reversed",
            "data": {"paymentId": "p1", "timestamp": START + 9000},
        }
    )
    assert Payment.objects.get().status == "reversed"
    after = scrape()
    assert (value(after, success), value(after, volume)) == ("1", "1.5")

    deliver(received("p2"), settled("p2"))
    caught_up = scrape()
    assert (value(caught_up, success), value(caught_up, volume)) == ("1", "1.5")
    deliver(received("p3"), settled("p3"))
    assert value(scrape(), success) == "2"


def test_gauges_fall() -> None:
    pending = f"facilitator_pending_payments{on(BASE)}"
    deliver(received("p1"))
    assert value(scrape(), pending) == "1"
    deliver(settled("p1"))
    assert value(scrape(), pending) == "0"


def test_it_says_the_same_before_and_after_rolling_up() -> None:
    deliver(received("p1"), settled("p1", settlementTime=700))
    ours = [line for line in scrape().splitlines() if line.startswith("facilitator")]
    call_command("rollups", "run")
    assert [line for line in scrape().splitlines() if line.startswith("facilitator")] == ours
    assert value(scrape(), "paygate_stale_marks") == "0"


def test_it_counts_live_connections_seen_lately() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select now() - interval '14 seconds', now() - interval '16 seconds'")
        lately, before = cursor.fetchone()
    for seen in (lately, lately, before):
        LiveConnection.objects.create(id=uuid4(), process="web", seen_at=seen)
    assert value(scrape(), "facilitator_active_websocket_clients") == "2"


def test_it_counts_what_became_of_posted_events() -> None:
    poster = caller("", can_ingest=True, source=source())
    event = received("p1") | {"id": "a"}
    for body in (event, event, received("p2") | {"id": "a"}, {"type": "payment:settled"}):
        poster.post("/api/v1/events/", body)
    text = scrape()
    outcomes = ("accepted", "duplicate", "conflict", "rejected")
    series = [f'paygate_ingest_events_total{{outcome="{name}"}}' for name in outcomes]
    assert [value(text, name) for name in series] == ["1", "1", "1", "1"]
    assert value(text, "paygate_rejected_open") == "1"


def test_it_shows_how_far_rollups_are_behind() -> None:
    assert value(scrape(), "paygate_stale_marks") == "0"
    assert value(scrape(), "paygate_stale_mark_age_seconds") == "0"
    deliver(received("p1"))
    RollupState.objects.update(mismatches=3)
    text = scrape()
    assert Decimal(value(text, "paygate_stale_marks")) >= 1
    assert Decimal(value(text, "paygate_stale_mark_age_seconds")) >= 0
    assert value(text, "paygate_verify_mismatches_total") == "3"
