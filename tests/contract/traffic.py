"""A little of everything, over the ninety days before the moment the contract tests ask about."""

import json
from typing import Any

from analytics.registry import Family, Report
from billing.gateway import exports
from billing.models import Source
from tests.builders import (
    ALICE,
    BOB,
    CAFE,
    CAROL,
    SHOP,
    Event,
    earned,
    failed,
    paid,
    received,
    refunded,
    reversed_,
    send,
    settled,
    verified,
)
from tests.gateway.small import call, denied, key, logged, mask

AS_OF = "2026-03-10T12:07:30Z"
PEOPLE = (ALICE, BOB, CAROL)
PLACES = (SHOP, CAFE)
CHAINS = ("base", "polygon", "base-sepolia", "eip155:999999", "solana")


def fill(report: Report, source: str = "default") -> None:
    """Give a source everything that the report's family is about."""
    if report.family is Family.PAYMENTS:
        send(everything(), source=source)
    else:
        _import_gateway(Source.objects.get_or_create(slug=source)[0])


def everything() -> list[Event]:
    """Settled, failed, open, reversed, unpriced and nameless payments; revenue of all kinds."""
    return [*_payments(), *_oddities(), *_recent()]


def _payments() -> list[Event]:
    return [
        paid(
            f"pay-{n}",
            f"2026-{1 + n // 28:02}-{1 + n % 28:02}T{n * 5 % 24:02}:{n * 13 % 60:02}:07.25Z",
            f"{n}.{n:06}",
            f"0.{n:06}",
            payer=PEOPLE[n % 3],
            payee=PLACES[n % 2],
            network=CHAINS[n % 5],
            resource=f"https://api.test/{n % 4}",
            settlementTime=n * 37,
            gasUsed=str(50_000 + n),
            effectiveGasPrice="1000000007",
            nativeUsdPrice="2000",
        )
        for n in range(68)
    ]


def _oddities() -> list[Event]:
    return [
        paid("unpriced", "2026-03-09T18:20:00Z", "7", asset="0x" + "99" * 20),
        paid("nameless", "2026-03-09T20:00:00Z", "2", payer=None, payee=None),
        settled("bare", "2026-03-09T21:00:00Z", "0.5"),
        paid("taken-back", "2026-03-08T10:00:00Z", "3"),
        reversed_("taken-back", "2026-03-09T10:00:00Z"),
        paid("returned", "2026-03-08T11:00:00Z", "3"),
        refunded("returned", "2026-03-09T11:00:00Z", amount="1.5"),
        earned("sponsor", "2026-02-15T10:00:00Z", "gas_sponsorship", "4.25"),
        earned("premium", "2026-03-09T23:30:00Z", "premium", "10"),
    ]


def _recent() -> list[Event]:
    return [
        received("open", "2026-03-10T12:00:00Z", "6"),
        verified("open", "2026-03-10T12:00:01Z"),
        received("late", "2026-03-10T11:00:00Z", "5"),
        failed("late", "2026-03-10T11:00:09Z", "transaction_failed", stage="settle"),
        paid("now", "2026-03-10T12:07:00Z", "1.234567", "0.012345"),
        paid("after", "2026-03-10T12:07:31Z", "1000", "100", payer=BOB),
    ]


GROUP = {"id": "grp_1", "name": "pro", "allowedTools": ["search"], "active": True}


def _import_gateway(source: Source) -> None:
    """Keys of every state, calls of every outcome, on both sides of the moment asked about."""

    def take(reader: Any, **document: Any) -> None:
        reader(source, json.dumps(document).encode())

    take(
        exports.import_backup,
        timestamp="2026-03-10T12:00:00.000Z",
        data={"keys": _keys(), "groups": [GROUP]},
    )
    take(exports.import_usage, events=_calls())
    take(exports.import_requests, requests=_log())
    take(exports.import_audit, events=_audit())
    take(exports.import_config, startedAt="2026-01-01T00:00:00.000Z", toolPricing=PRICES)


PRICES = {"search": {"creditsPerCall": 1}, "unused": {"creditsPerCall": 7}}


def _keys() -> list[dict[str, Any]]:
    used = {"lastUsedAt": "2026-03-10T11:00:00.000Z", "totalCalls": 9, "totalSpent": 90}
    return [
        key(1, credits=10, group="grp_1") | used,
        key(2, "7", namespace="acme", expiresAt="2026-03-12T00:00:00Z") | used,
        key(3, suspended=True, tags={"tier": "free"}),
        key(4, active=False, createdAt="2026-03-01T00:00:00.000Z"),
        key(5, expiresAt="2026-03-09T00:00:00.000Z", ipAllowlist=["10.0.0.0/8"]),
        key(6, credits=0, spendingLimit=5, quota={"dailyCallLimit": 5, "monthlyCallLimit": 9}),
    ]


def _calls() -> list[dict[str, Any]]:
    return [
        call(1, "2026-01-20T03:10:00.000Z", creditsCharged=4),
        *[call(1, f"2026-03-09T{hour:02}:20:00.000Z", tool="=cmd") for hour in range(9, 15)],
        *[denied(2, at=f"2026-03-10T11:0{n}:00.000Z", keyName="7") for n in range(4)],
        call(2, "2026-03-10T12:00:00.000Z", keyName="7", tool="2024", namespace="acme"),
        call(1, "2026-03-10T12:07:31.000Z", tool="later"),
    ]


def _log() -> list[dict[str, Any]]:
    return [
        {
            "id": n,
            "timestamp": f"2026-03-{8 + n // 12:02}T{n:02}:20:00.000Z",
            "tool": ("search", "2024", "__proto__")[n % 3],
            "key": mask(1 + n % 2),
            "status": "denied" if n % 5 == 4 else "allowed",
            "credits": int(n % 5 != 4),
            "durationMs": n * 37,
            **({"denyReason": "rate_limited"} if n % 5 == 4 else {}),
        }
        for n in range(1, 24)
    ]


def _audit() -> list[dict[str, Any]]:
    about = {"keyMasked": mask(1), "name": "key-1", "credits": 100}
    return [
        logged(1, "key.created", "2026-02-20T08:00:00.000Z", metadata=about),
        logged(2, "key.suspended", "2026-03-09T08:00:00.000Z", metadata={"keyMasked": mask(3)}),
        logged(3, "admin.auth_failed", "2026-03-10T11:30:00.000Z", actor="unknown"),
        logged(4, "config.export", "2026-03-10T12:08:00.000Z"),
    ]
