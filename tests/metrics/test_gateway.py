"""Metrics of the gateway side: the gateway's own names, from the database."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection
from prometheus_client.parser import text_string_to_metric_families

from analytics.models import MetricTool, ReceiptDelta, ReceiptTotal, UsageDelta, UsageTool
from analytics.verify_usage import verify_usage
from billing.gateway.records import read_call
from billing.gateway.store import placed, store_delivered
from billing.models import ApiKey, GatewayImport, KeyGroup, PollGap, PollState, Source
from tests.gateway.conftest import gateway, import_golden, recorded, said
from tests.gateway.hook import call as delivered_call
from tests.gateway.hook import deliver
from tests.gateway.small import call, denied
from tests.metrics.test_text import AGREED, needs_promtool, objections, scrape, value

NOW = datetime(2026, 2, 1, tzinfo=UTC)
CALLS = "paygate_tool_calls_total"


def meter(source: Source, *records: dict[str, Any]) -> None:
    """Calls, each at a time of its own."""
    start = UsageDelta.objects.count()
    times = (f"{NOW + timedelta(seconds=start + n):%Y-%m-%dT%H:%M:%S.000Z}" for n in range(9999))
    rows = [r | {"timestamp": at} for r, at in zip(records, times, strict=False)]
    store_delivered(source.pk, placed(read_call(r) for r in rows), [])


def many(tool: str, count: int, **fields: Any) -> list[dict[str, Any]]:
    """So many allowed calls of a tool."""
    return [call(tool=tool, **fields)] * count


def lines(text: str, name: str) -> dict[str, str]:
    """The samples of a metric by their labels."""
    return dict(re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE))


def total(text: str, name: str = CALLS) -> Decimal:
    """The sum of all samples of a metric."""
    return sum((Decimal(n) for n in lines(text, name).values()), Decimal())


# What the recorded gateway itself showed under these names.
RECORDED = {
    f'{CALLS}{{status="allowed",tool="search"}}': "428",
    f'{CALLS}{{status="allowed",tool="free_ping"}}': "6",
    f'{CALLS}{{status="denied",tool="search"}}': "16",
    f'{CALLS}{{status="denied",tool="tool-that-does-not-exist"}}': "1",
    f'{CALLS}{{status="denied",tool="premium_analyze"}}': "6",
    'paygate_credits_charged_total{tool="premium_analyze"}': "1050",
    'paygate_credits_charged_total{tool="ocr_page"}': "180",
    "paygate_active_keys_total": "68",
    "paygate_total_credits_available": "30220",
    "paygate_groups_total": "4",
}


def test_a_recorded_gateway_is_shown_as_it_showed_itself() -> None:
    import_golden(gateway("golden"), recorded)
    text = scrape()
    assert {series: value(text, series) for series in RECORDED} == RECORDED
    assert total(text) == 814
    assert len(lines(text, CALLS)) == 14
    assert lines(text, "paygate_credits_charged_total").keys().isdisjoint({'tool="free_ping"'})
    assert total(text, "paygate_credits_charged_total") == 2394


def test_denials_are_by_category_like_those_of_the_report() -> None:
    import_golden(gateway("golden"), recorded)
    reasons = said("reports", "denials")["byReason"]
    assert lines(scrape(), "paygate_denials_total") == {
        f'reason="{reason}"': f"{count}" for reason, count in reasons.items()
    }
    assert sum(reasons.values()) == 31


def test_folding_changes_nothing() -> None:
    import_golden(gateway("golden"), recorded)
    before = [line for line in scrape().splitlines() if line.startswith("paygate_")]
    call_command("rollups", "run")
    assert not UsageDelta.objects.exists()
    after = [line for line in scrape().splitlines() if line.startswith("paygate_")]
    stale = "paygate_stale_mark"
    assert [x for x in after if stale not in x] == [x for x in before if stale not in x]


@needs_promtool
def test_promtool_objects_only_to_the_names_of_gateways() -> None:
    import_golden(gateway("golden"), recorded)
    meter(gateway("hostile"), *(call(tool=t) for t in ("", "\n", '"', "\\", "é")))
    assert objections(scrape()) - AGREED == {
        'paygate_active_keys_total non-counter metrics should not have "_total" suffix',
        'paygate_groups_total non-counter metrics should not have "_total" suffix',
    }


def test_a_wrong_total_of_a_tool_is_found_and_counted_anew() -> None:
    meter(gateway("g"), *many("search", 4), denied(tool="search"))
    call_command("rollups", "run")
    UsageTool.objects.filter(outcome="allowed").update(calls=3)
    assert verify_usage() == 1
    assert lines(scrape(), CALLS) == {
        'status="allowed",tool="search"': "4",
        'status="denied",tool="search"': "1",
    }


def test_a_refund_is_no_call_and_takes_nothing_off() -> None:
    refund = call(creditsCharged=-5, denyReason="refund")
    meter(gateway("g"), call(creditsCharged=5), refund, call(creditsCharged=0))
    text = scrape()
    assert lines(text, CALLS) == {'status="allowed",tool="search"': "2"}
    assert lines(text, "paygate_credits_charged_total") == {'tool="search"': "5"}


def test_a_portal_without_gateways_has_none_of_their_series() -> None:
    text = scrape()
    for name in (CALLS, "paygate_active_keys_total", "paygate_gateway_items_total"):
        assert lines(text, name) == {}
        assert f"# TYPE {name} " in text


def test_several_gateways_are_told_apart() -> None:
    first, second = gateway("first"), gateway("second")
    meter(first, *many("search", 2))
    meter(second, call(tool="search"), denied(tool="search"))
    ApiKey.objects.create(source=second, name="k", credits=7)
    ApiKey.objects.create(source=second, name="gone", credits=9, active=False)
    KeyGroup.objects.create(source=first, group_id="g", name="g")
    KeyGroup.objects.create(source=first, group_id="h", name="h", is_active=False)
    text = scrape()
    assert lines(text, CALLS) == {
        'source="first",status="allowed",tool="search"': "2",
        'source="second",status="allowed",tool="search"': "1",
        'source="second",status="denied",tool="search"': "1",
    }
    assert lines(text, "paygate_active_keys_total") == {
        'source="first"': "0",
        'source="second"': "1",
    }
    assert value(text, 'paygate_total_credits_available{source="second"}') == "7"
    assert lines(text, "paygate_groups_total") == {'source="first"': "1", 'source="second"': "0"}
    assert lines(text, "paygate_denials_total") == {'source="second",reason="rate_limited"': "1"}


def test_keys_issued_here_make_their_source_one_of_them() -> None:
    gateway("first")
    default = Source.objects.get(slug="default")
    ApiKey.objects.create(source=default, name="k", credits=3)
    assert lines(scrape(), "paygate_total_credits_available") == {
        'source="default"': "3",
        'source="first"': "0",
    }


# --- names of tools ---------------------------------------------------------------------------


def test_the_most_used_tools_have_a_label_and_the_others_share_one(settings: LazySettings) -> None:
    settings.PAYGATE_METRICS_TOOLS = 2
    tools = [*many("rare", 1), *many("often", 5), *many("some", 3), *many("seldom", 2)]
    meter(gateway("g"), *tools, denied(tool="rare"))
    assert lines(scrape(), CALLS) == {
        'status="allowed",tool="often"': "5",
        'status="allowed",tool="some"': "3",
        'status="allowed",tool="other"': "3",
        'status="denied",tool="other"': "1",
    }


def test_a_tool_that_gets_a_label_later_leaves_what_was_counted_where_it_was(
    settings: LazySettings,
) -> None:
    settings.PAYGATE_METRICS_TOOLS = 1
    source = gateway("g")
    meter(source, *many("a", 9), *many("b", 4), *many("c", 1), denied(tool="b"))
    first = scrape()
    settings.PAYGATE_METRICS_TOOLS = 2
    meter(source, *many("b", 3, creditsCharged=10), *many("c", 2), denied(tool="b"))
    second = scrape()
    assert value(first, f'{CALLS}{{status="allowed",tool="other"}}') == "5"
    meter(source, call(tool="b"), call(tool="c"))
    third = scrape()
    assert lines(third, CALLS) == {
        'status="allowed",tool="a"': "9",
        'status="allowed",tool="b"': "3",  # 4 + 3 + 1, of which 5 stay where they were
        'status="allowed",tool="other"': "9",
        'status="denied",tool="b"': "1",
        'status="denied",tool="other"': "1",
    }
    for before, after in ((first, second), (second, third)):
        assert_nothing_fell(before, after)
    assert [total(text) for text in (first, second, third)] == [15, 21, 23]


def assert_nothing_fell(before: str, after: str) -> None:
    """No counter of the gateway side is lower or gone."""
    for name in (CALLS, "paygate_credits_charged_total", "paygate_denials_total"):
        now = lines(after, name)
        for labels, was in lines(before, name).items():
            assert Decimal(now[labels]) >= Decimal(was), labels
        assert total(after, name) >= total(before, name)


def test_sums_are_exact_whatever_is_named_when(settings: LazySettings) -> None:
    source = gateway("g")
    texts = [scrape()]
    for step in range(8):
        settings.PAYGATE_METRICS_TOOLS = 2 + step
        used = [call(tool=f"t{n % (step + 4)}", creditsCharged=n) for n in range(5 * step + 7)]
        meter(source, *used, *(denied(tool=f"t{n}") for n in range(step)))
        texts.append(scrape())
        with connection.cursor() as cursor:
            cursor.execute(
                "select count(*), sum(credits) filter (where allowed) from billing_usageevent"
            )
            counted = cursor.fetchone()
        assert (total(texts[-1]), total(texts[-1], "paygate_credits_charged_total")) == counted
        assert_nothing_fell(texts[-2], texts[-1])


def test_strangers_cannot_take_every_label(settings: LazySettings) -> None:
    settings.PAYGATE_METRICS_TOOLS = 4
    source = gateway("g")
    meter(source, *(denied(tool=f"made-up-{n}", reason="missing_api_key") for n in range(50)))
    assert total(scrape()) == 50
    assert MetricTool.objects.count() == 2
    meter(source, call(tool="real"), call(tool="true"), call(tool="third"))
    text = scrape()
    assert value(text, f'{CALLS}{{status="allowed",tool="real"}}') == "1"
    assert value(text, f'{CALLS}{{status="allowed",tool="third"}}') == "1"
    assert value(text, f'{CALLS}{{status="allowed",tool="other"}}') == "1"
    assert value(text, f'{CALLS}{{status="denied",tool="other"}}') == "48"


@pytest.mark.parametrize(
    "tool",
    ['a"b', "back\\slash", "new\nline", "__proto__", "7", "", "<img src=x>", "le=1", "é\u2028"],
)
def test_any_name_can_be_read_back(tool: str) -> None:
    meter(gateway("g"), call(tool=tool))
    families = {f.name: f for f in text_string_to_metric_families(scrape())}
    (sample,) = families["paygate_tool_calls"].samples
    assert (sample.labels["tool"], sample.value) == (tool, 1)


@pytest.mark.parametrize("tool", ["other", "x" * 101])
def test_a_name_that_would_mislead_or_is_too_long_is_among_the_others(tool: str) -> None:
    meter(gateway("g"), call(tool=tool), *many("search", 2))
    assert lines(scrape(), CALLS) == {
        'status="allowed",tool="search"': "2",
        'status="allowed",tool="other"': "1",
    }


def test_the_longest_name_fits() -> None:
    source = Source.objects.create(slug="s" * 64, kind="paygate")
    gateway("another")
    meter(source, call(tool='"' * 100))
    assert total(scrape()) == 1
    assert total(scrape()) == 1


# --- the portal's own -------------------------------------------------------------------------


def test_what_became_of_deliveries_is_counted_apart_from_posted_events() -> None:
    gateway("gw")
    bad = delivered_call(creditsCharged="2")
    for retry in (0, 1):
        deliver({"events": [delivered_call(), bad]}, secret="", retry=retry)
    text = scrape()
    expected = {"accepted": "1", "duplicate": "2", "rejected": "1"}
    assert lines(text, "paygate_gateway_items_total") == {
        f'outcome="{outcome}"': count for outcome, count in expected.items()
    }
    assert value(text, 'paygate_ingest_events_total{outcome="duplicate"}') == "2"
    assert value(text, "paygate_rejected_open") == "1"


def test_receipts_are_folded_without_changing_what_is_shown() -> None:
    gateway("gw")
    for n in range(3):
        deliver({"events": [delivered_call(tool=f"t{n}")]}, secret="")
    accepted = 'paygate_ingest_events_total{outcome="accepted"}'
    assert (value(scrape(), accepted), ReceiptDelta.objects.count()) == ("3", 3)
    call_command("rollups", "run")
    assert (value(scrape(), accepted), ReceiptDelta.objects.count()) == ("3", 0)
    deliver({"events": [delivered_call(tool="more")]}, secret="")
    assert value(scrape(), accepted) == "4"
    call_command("rollups", "run")
    assert (value(scrape(), accepted), ReceiptTotal.objects.get().accepted) == ("4", 4)


def test_failures_of_imports_and_polls_and_gaps_are_shown() -> None:
    source = gateway("g")
    for status in ("failed", "done", "failed", "queued"):
        GatewayImport.objects.create(source=source, kind="usage", status=status)
    for resource, failures in (("usage", 1), ("audit", 4), ("keys", 0)):
        PollState.objects.create(source=source, resource=resource, failures=failures)
    PollGap.objects.create(source=source, resource="usage", reason="the ring was full")
    names = ("import_failures_total", "poll_failures", "poll_gaps_total")
    text = scrape()
    assert [value(text, f"paygate_{name}") for name in names] == ["2", "4", "1"]
    PollState.objects.update(failures=0)
    assert value(scrape(), "paygate_poll_failures") == "0"
