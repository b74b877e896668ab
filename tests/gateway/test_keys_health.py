"""keys-health: how one key is doing."""

import json
from typing import Any

import pytest

from billing.gateway import exports
from billing.models import Source
from tests.gateway.small import ask, call, denied, key, mask, small_gateway

pytestmark = pytest.mark.django_db


def part(score: int, risk: str, weight: float) -> dict[str, Any]:
    return {"score": score, "risk": risk, "weight": weight}


def limited(source: Source, **settings: Any) -> None:
    exports.import_config(source, json.dumps(settings).encode())


def test_a_key_that_rests_is_healthy() -> None:
    small_gateway([key(1)])
    assert ask("keys-health", key=mask(1)) == {
        "key": "pg_0000001...",
        "name": "key-1",
        "score": 100,
        "status": "healthy",
        "components": {
            "balance": part(100, "healthy", 0.3),
            "quota": part(100, "healthy", 0.25),
            "rateLimit": part(100, "healthy", 0.2),
            "errorRate": part(100, "healthy", 0.25),
        },
    }


@pytest.mark.parametrize(
    ("credits", "score", "risk"),
    [
        (0, 0, "critical"),
        (2, 0, "critical"),  # an hour at 2 credits an hour
        (3, 20, "critical"),
        (12, 20, "critical"),
        (48, 40, "warning"),
        (144, 60, "caution"),
        (336, 80, "good"),
        (337, 100, "healthy"),
    ],
)
def test_how_long_the_balance_lasts_at_the_pace_of_a_day(
    credits: int, score: int, risk: str
) -> None:
    small_gateway(
        [key(1, credits=credits)],
        [
            call(1, "2026-02-15T12:00:00.001Z", creditsCharged=50),
            call(1, creditsCharged=-2, denyReason="refund"),
            call(1, "2026-02-15T12:00:00.000Z", creditsCharged=999),
        ],
    )
    answer = ask("keys-health", key=mask(1))
    assert answer["components"]["balance"] == part(score, risk, 0.3)
    assert ("Credits depleting rapidly" in answer.get("issues", [])) == (risk == "critical")
    assert ("Zero credits remaining" in answer.get("issues", [])) == (credits == 0)


def test_a_key_of_two_hours_is_judged_by_two_hours() -> None:
    created = "2026-02-16T10:00:00.000Z"
    small_gateway([key(1, credits=10, createdAt=created)], [call(1, created, creditsCharged=20)])
    balance = ask("keys-health", key=mask(1))["components"]["balance"]
    assert balance == part(0, "critical", 0.3)  # 10 credits an hour


@pytest.mark.parametrize(
    ("calls", "score", "risk"),
    [
        (49, 51, "healthy"),
        (50, 50, "good"),
        (75, 25, "caution"),
        (90, 10, "warning"),
        (100, 0, "critical"),
        (130, 0, "critical"),
    ],
)
def test_the_most_used_limit_counts(calls: int, score: int, risk: str) -> None:
    quota = {"dailyCallLimit": 100, "monthlyCallLimit": 0, "dailyCreditLimit": 10_000}
    used: dict[str, Any] = {
        "quotaDailyCalls": calls,
        "quotaDailyCredits": 5,
        "quotaMonthlyCalls": 9_999,
    }
    days = {"quotaLastResetDay": "2026-02-16", "quotaLastResetMonth": "2026-02"}
    small_gateway([key(1, quota=quota, **used, **days)])
    assert ask("keys-health", key=mask(1))["components"]["quota"] == part(score, risk, 0.25)


def test_counters_of_another_day_are_no_use_of_today() -> None:
    used: dict[str, Any] = {"quotaDailyCalls": 100, "quotaMonthlyCalls": 30}
    days = {"quotaLastResetDay": "2026-02-15", "quotaLastResetMonth": "2026-02"}
    source = small_gateway([key(1, **used, **days)])
    limited(source, globalQuota={"dailyCallLimit": 100, "monthlyCallLimit": 40})
    assert ask("keys-health", key=mask(1))["components"]["quota"] == part(25, "caution", 0.25)


def test_the_rate_limit_counts_the_last_minute() -> None:
    calls = [
        call(1, "2026-02-16T11:59:00.000Z"),  # a minute ago
        call(1, "2026-02-16T11:59:00.001Z"),
        call(1, "2026-02-16T11:59:00.001Z"),  # of the same batch
        call(1, "2026-02-16T12:00:00.000Z"),
        call(1, "2026-02-16T11:59:30.000Z", creditsCharged=-1, denyReason="refund"),
        denied(1, at="2026-02-16T11:59:40.000Z"),
    ]
    source = small_gateway([key(1, credits=10_000)], calls)
    limited(source, globalRateLimitPerMin=4)
    assert ask("keys-health", key=mask(1))["components"]["rateLimit"] == part(50, "good", 0.2)


@pytest.mark.parametrize(
    ("refused", "score", "risk"),
    [(1, 92, "good"), (2, 83, "caution"), (3, 75, "warning"), (6, 50, "critical")],
)
def test_errors_are_the_denied_calls_of_the_window(refused: int, score: int, risk: str) -> None:
    small_gateway(
        [key(1, credits=10_000)],
        [
            *[denied(1, at=f"2026-02-10T10:00:{n:02}.000Z") for n in range(refused)],
            *[call(1, f"2026-02-10T11:00:{n:02}.000Z") for n in range(12 - refused)],
        ],
    )
    assert ask("keys-health", key=mask(1))["components"]["errorRate"] == part(score, risk, 0.25)
    lately = ask("keys-health", key=mask(1), window="24h")
    assert lately["components"]["errorRate"] == part(100, "healthy", 0.25)


def test_the_whole_is_weighted_and_named() -> None:
    small_gateway(
        [key(1, credits=0, active=False, suspended=True, expiresAt="2026-02-16T12:00:00.000Z")],
        [denied(1), call(1)],
    )
    answer = ask("keys-health", key=mask(1))
    # 0 * 0.3 + 100 * 0.25 + 100 * 0.2 + 50 * 0.25 = 57.5
    assert (answer["score"], answer["status"]) == (58, "caution")
    assert answer["issues"] == [
        "Key is revoked",
        "Key is suspended",
        "Key has expired",
        "Zero credits remaining",
        "Credits depleting rapidly",
    ]


@pytest.mark.parametrize(
    ("expiry", "issue"),
    [
        ("2026-02-17T12:00:00.000Z", ["Key expires within 24 hours"]),
        ("2026-02-17T12:00:00.001Z", ["Key expires within 7 days"]),
        ("2026-02-23T12:00:00.000Z", ["Key expires within 7 days"]),
        ("2026-02-23T12:00:00.001Z", None),
    ],
)
def test_expiry_ahead(expiry: str, issue: list[str] | None) -> None:
    small_gateway([key(1, expiresAt=expiry)])
    assert ask("keys-health", key=mask(1)).get("issues") == issue
