"""Checking and charging: every rule, once a request, never below zero."""

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from billing.keys.verify import Attempt, verify
from billing.models import (
    ApiKey,
    CreditEntry,
    GatewayConfig,
    KeyGroup,
    KeyVerification,
    Source,
    ToolPrice,
    UsageEvent,
)
from tests.api.callers import Caller, caller, problem_of, source
from tests.keys.conftest import VERIFY, issued, reason, verdict


def test_a_call_is_charged_everywhere_at_once(support: Caller) -> None:
    made = issued("30", namespace="prod")
    answer = verdict(support, made.secret, credits=4, request_id="r1")
    assert answer == {
        "allowed": True,
        "credits_charged": 4,
        "credits_remaining": 26,
        "request_id": "r1",
    }
    key = ApiKey.objects.get()
    assert (key.credits, key.total_spent, key.total_calls) == (26, 4, 1)
    assert (key.quota_daily_calls, key.quota_monthly_credits) == (1, 4)
    call = UsageEvent.objects.get()
    assert (call.key, call.tool, call.credits, call.allowed) == (key, "search", 4, True)
    assert (call.key_prefix, call.key_name, call.namespace) == (made.secret[:10], "acme", "prod")
    assert call.at == key.last_used_at
    line = CreditEntry.objects.get(kind="charge")
    assert (line.amount, line.balance_before, line.balance_after) == (-4, 30, 26)
    assert (line.tool, line.request_id) == ("search", "r1")


def test_a_repeated_request_is_answered_alike_and_costs_nothing(support: Caller) -> None:
    made = issued("10")
    first = verdict(support, made.secret, credits=3, request_id="r1")
    verdict(support, made.secret, credits=3, request_id="r2")
    assert verdict(support, made.secret, credits=3, request_id="r1") == first
    assert first["credits_remaining"] == 7
    assert ApiKey.objects.get().credits == 4
    assert (UsageEvent.objects.count(), CreditEntry.objects.count()) == (2, 3)


def test_a_refusal_is_repeated_too(support: Caller) -> None:
    made = issued("1")
    first = verdict(support, made.secret, credits=2, request_id="r1")
    assert first["reason"] == "insufficient_credits"
    support.post(f"/api/v1/keys/{made.key.pk}/topup/", {"credits": 9, "reason": "more"})
    assert verdict(support, made.secret, credits=2, request_id="r1") == first
    assert UsageEvent.objects.count() == 1


@pytest.mark.parametrize("other", [{"tool": "draw"}, {"credits": 5}, {"ip": "10.0.0.1"}])
def test_a_request_id_belongs_to_one_request(support: Caller, other: dict[str, Any]) -> None:
    made = issued()
    asked = {"key": made.secret, "tool": "search", "credits": 1, "request_id": "r1"}
    assert support.post(VERIFY, asked).status_code == 200
    assert problem_of(support.post(VERIFY, asked | other), 409) == "request_mismatch"
    assert problem_of(support.post(VERIFY, asked | {"key": "pg_other"}), 409) == "request_mismatch"
    assert ApiKey.objects.get().credits == 99


def test_the_price_is_given_else_listed_else_the_default_else_one(support: Caller) -> None:
    made = issued("100")
    assert verdict(support, made.secret)["credits_charged"] == 1
    GatewayConfig.objects.create(source=made.key.source, default_credits=5)
    assert verdict(support, made.secret)["credits_charged"] == 5
    ToolPrice.objects.create(source=made.key.source, tool="search", credits_per_call="2.5")
    assert verdict(support, made.secret)["credits_charged"] == 2.5
    assert verdict(support, made.secret, credits=0)["credits_charged"] == 0
    assert ApiKey.objects.get().credits == Decimal("91.5")


def test_an_unknown_key_is_refused_and_counted(support: Caller) -> None:
    secret = "pg_" + "0" * 48
    answer = verdict(support, secret, request_id="r1")
    assert (answer["reason"], answer["credits_remaining"]) == ("invalid_api_key", 0)
    assert verdict(support, secret, request_id="r1") == answer
    call = UsageEvent.objects.get()
    assert (call.key, call.key_name, call.key_prefix) == (None, "unknown", "pg_0000000")
    assert (call.allowed, call.deny_reason, call.credits) == (False, "invalid_api_key", 0)


def test_a_key_that_is_off_is_refused(support: Caller) -> None:
    over = datetime.now(UTC) - timedelta(seconds=1)
    states: dict[str, dict[str, Any]] = {
        "invalid_api_key: revoked": {"active": False, "suspended": True},
        "api_key_expired": {"expires_at": over, "suspended": True},
        "key_suspended": {"suspended": True},
    }
    for expected, state in states.items():
        assert reason(support, issued(**state).secret) == expected
    assert reason(support, issued(expires_at=datetime.now(UTC) + timedelta(days=1)).secret) is None


def test_a_key_of_a_gateway_is_not_checked_here(support: Caller) -> None:
    made = issued(source="other")
    assert reason(support, made.secret) == "invalid_api_key"
    assert reason(support, made.secret, source="other") is None


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("11.0.0.1", False),
        ("192.0.2.7", True),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        (None, False),
    ],
)
def test_addresses_are_those_of_the_key_and_its_group(
    support: Caller, address: str | None, is_allowed: bool
) -> None:
    made = issued(group_id="grp_1", ip_allowlist=["10.0.0.0/8", "2001:db8::/32"])
    KeyGroup.objects.create(
        source=made.key.source, group_id="grp_1", name="g", ip_allowlist=["192.0.2.7/32"]
    )
    found = reason(support, made.secret, ip=address)
    shown = address or "unknown address"
    assert found == (None if is_allowed else f"ip_not_allowed: {shown} not in allowlist")


def test_tools_are_those_of_the_key_else_of_its_group_less_what_either_denies(
    support: Caller,
) -> None:
    made = issued(group_id="grp_1", denied_tools=["draw"])
    group = KeyGroup.objects.create(
        source=made.key.source,
        group_id="grp_1",
        name="g",
        allowed_tools=["search", "draw", "sum"],
        denied_tools=["sum"],
    )
    assert reason(support, made.secret, "search") is None
    assert reason(support, made.secret, "draw") == "tool_denied: draw is in deniedTools"
    assert reason(support, made.secret, "sum") == "tool_denied: sum is in deniedTools"
    assert reason(support, made.secret, "fly") == "tool_not_allowed: fly not in allowedTools"
    ApiKey.objects.update(allowed_tools=["fly"])
    assert reason(support, made.secret, "fly") is None
    ApiKey.objects.update(allowed_tools=[])
    group.is_active = False
    group.save()
    assert reason(support, made.secret, "sum") is None


def test_a_spending_limit_counts_all_that_was_spent(support: Caller) -> None:
    made = issued("100", spending_limit=10)
    assert reason(support, made.secret, credits=6) is None
    assert reason(support, made.secret, credits=5) == "spending_limit_exceeded"
    assert reason(support, made.secret, credits=4) is None
    assert reason(support, made.secret, credits=1) == "spending_limit_exceeded"


def test_a_minute_has_only_so_many_calls(support: Caller) -> None:
    made = issued(group_id="grp_1")
    GatewayConfig.objects.create(source=made.key.source, rate_limit_per_min=3)
    group = KeyGroup.objects.create(
        source=made.key.source, group_id="grp_1", name="g", rate_limit_per_min=2
    )
    assert [reason(support, made.secret) for _ in range(2)] == [None, None]
    assert reason(support, made.secret) == "rate_limited: 2 calls/min exceeded"
    group.rate_limit_per_min = 0
    group.save()
    assert reason(support, made.secret) is None
    assert reason(support, made.secret) == "rate_limited: 3 calls/min exceeded"


def quota(**limits: int) -> dict[str, int]:
    """A quota with some limits."""
    names = ("dailyCallLimit", "monthlyCallLimit", "dailyCreditLimit", "monthlyCreditLimit")
    return dict.fromkeys(names, 0) | limits


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"dailyCallLimit": 1}, "daily_call_quota_exceeded: 1/1 calls today"),
        ({"monthlyCallLimit": 1}, "monthly_call_quota_exceeded: 1/1 calls this month"),
        (
            {"dailyCreditLimit": 5},
            "daily_credit_quota_exceeded: 3+3 would exceed 5 credits/day",
        ),
        (
            {"monthlyCreditLimit": 5},
            "monthly_credit_quota_exceeded: 3+3 would exceed 5 credits/month",
        ),
    ],
)
def test_quotas_are_the_keys_own_else_the_sources(
    support: Caller, limits: dict[str, int], expected: str
) -> None:
    own = issued("100", quota=quota(**limits))
    assert reason(support, own.secret, credits=3) is None
    assert reason(support, own.secret, credits=3) == expected
    free = issued("100", quota=quota())
    GatewayConfig.objects.create(source=own.key.source, quota=quota(**limits))
    bound = issued("100")
    assert reason(support, bound.secret, credits=3) is None
    assert reason(support, bound.secret, credits=3) == expected
    assert [reason(support, free.secret, credits=3) for _ in range(2)] == [None, None]


def test_quota_counters_of_another_day_or_month_are_over(support: Caller) -> None:
    made = issued(
        quota=quota(dailyCallLimit=5, monthlyCallLimit=9),
        quota_day="2026-01-31",
        quota_month="2026-01",
        quota_daily_calls=5,
        quota_daily_credits=50,
        quota_monthly_calls=9,
        quota_monthly_credits=90,
    )
    assert reason(support, made.secret, credits=2) is None
    key = ApiKey.objects.get()
    assert (key.quota_daily_calls, key.quota_monthly_calls) == (1, 1)
    assert (key.quota_daily_credits, key.quota_monthly_credits) == (2, 2)
    assert key.last_used_at is not None
    assert (key.quota_day, key.quota_month) == (
        f"{key.last_used_at:%Y-%m-%d}",
        f"{key.last_used_at:%Y-%m}",
    )


def test_no_secret_is_stored(support: Caller) -> None:
    made, strange = issued(), "pg_" + "ab" * 24
    verdict(support, made.secret, tool=f"say {strange}", request_id="r1")
    verdict(support, strange, tool=strange)
    with connection.cursor() as cursor:
        for table in (ApiKey, UsageEvent, CreditEntry, KeyVerification):
            cursor.execute(f"select t::text from {table._meta.db_table} t")  # noqa: S608 - our own name
            text = str(cursor.fetchall())
            assert made.secret not in text
            assert strange not in text


def test_a_charge_takes_a_handful_of_statements(db: None) -> None:
    made = issued()
    GatewayConfig.objects.create(source=made.key.source, rate_limit_per_min=9)
    with CaptureQueriesContext(connection) as captured:
        verify(made.key.source, Attempt(made.secret, "search", request_id="r1"))
    run = [q["sql"] for q in captured.captured_queries if "SAVEPOINT" not in q["sql"]]
    assert len(run) <= 7


def test_support_and_ingest_may_verify_others_may_not(viewer: Caller) -> None:
    made = issued()
    asked = {"key": made.secret, "tool": "search"}
    assert viewer.post(VERIFY, asked).status_code == 403
    assert Caller("").post(VERIFY, asked).status_code == 401
    assert reason(caller("", can_ingest=True, source=source()), made.secret) is None
    foreign = caller("", can_ingest=True, source=source("theirs"))
    assert reason(foreign, made.secret) == "invalid_api_key"
    refused = foreign.post(VERIFY, asked | {"source": "default"})
    assert problem_of(refused, 403) == "foreign_source"
    everywhere = caller("", can_ingest=True)
    assert (
        problem_of(everywhere.post(VERIFY, asked | {"source": "theirs"}), 403) == "foreign_source"
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("credits", -1),
        ("credits", "NaN"),
        ("credits", 10**16),
        ("ip", "here"),
        ("tool", ""),
        ("tool", "a\0b"),
        ("key", ""),
        ("request_id", "x" * 201),
        ("source", "nobody"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(support: Caller, field: str, value: Any) -> None:
    response = support.post(VERIFY, {"key": "pg_x", "tool": "search", field: value})
    assert problem_of(response, 400) == "invalid"
    assert list(response.json()["errors"]) == [field]


@pytest.mark.usefixtures("committed_db")
class TestAtOnce:
    """Many callers at the same moment."""

    def test_fifty_charges_on_thirty_credits(self) -> None:
        made = issued("30")
        answers = at_once(50, lambda n: Attempt(made.secret, "search", Decimal(1), f"r{n}"))
        assert sorted(answer.allowed for answer in answers) == [False] * 20 + [True] * 30
        assert ApiKey.objects.get().credits == 0
        assert CreditEntry.objects.filter(kind="charge").count() == 30
        assert UsageEvent.objects.filter(deny_reason="insufficient_credits").count() == 20
        ranks = list(UsageEvent.objects.values_list("rank", flat=True))
        assert len(set(ranks)) == 50

    def test_one_request_sent_by_ten(self) -> None:
        made = issued("30")
        answers = at_once(10, lambda _: Attempt(made.secret, "search", Decimal(4), "same"))
        assert {answer.credits_remaining for answer in answers} == {Decimal(26)}
        assert ApiKey.objects.get().credits == 26
        assert UsageEvent.objects.count() == 1


def at_once(times: int, attempt: Any) -> list[Any]:
    """The answers to so many attempts made by threads that start together."""
    holder = Source.objects.get(slug="default")
    start = threading.Barrier(times)
    answers: list[Any] = []

    def run(n: int) -> None:
        try:
            start.wait()
            answers.append(verify(holder, attempt(n)))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == times
    return answers
