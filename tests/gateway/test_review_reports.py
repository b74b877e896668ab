"""What JavaScript does with strange names, and what a script may send along."""

import json
from typing import Any

import pytest
from django.test import Client

from billing.gateway import exports
from billing.models import AdminToken, GatewayConfig
from billing.tokens import issue
from tests.gateway.small import NOW, ask, call, key, mask, small_gateway

pytestmark = pytest.mark.django_db

KEY = "ak_" + "1" * 32
BEYOND, WIDE = "\N{GRINNING FACE}", "\N{FULLWIDTH EXCLAMATION MARK}"  # U+1F600, U+FF01


def entry(number: int, tool: str, sender: int) -> dict[str, Any]:
    """An allowed entry of the request log."""
    return {
        "id": number,
        "timestamp": f"2026-02-16T10:00:{number:02}.000Z",
        "tool": tool,
        "key": mask(sender),
        "status": "allowed",
        "credits": 1,
        "durationMs": 1,
        "requestId": f"req_{number}",
    }


def test_tools_are_sorted_by_utf_16_units() -> None:
    names = [WIDE, BEYOND, "\u00e9", "a"]
    source = small_gateway([key(1)], [call(1, tool=tool) for tool in names])
    requests = [entry(n, tool, 1) for n, tool in enumerate(names, 1)]
    exports.import_requests(source, json.dumps({"requests": requests}).encode())
    (only,) = ask("dependencies")["keyToolMap"]
    assert only["tools"] == ["a", "\u00e9", BEYOND, WIDE]
    pairs = [(pair["toolA"], pair["toolB"]) for pair in ask("tool-correlation")["pairs"]]
    assert pairs == [
        ("a", "\u00e9"),
        ("a", BEYOND),
        ("a", WIDE),
        ("\u00e9", BEYOND),
        ("\u00e9", WIDE),
        (BEYOND, WIDE),
    ]


def test_a_batch_presses_on_the_rate_limit_once() -> None:
    minute = [call(1, f"2026-02-16T11:59:{n}.000Z") for n in range(10, 18)]
    batch = [call(1, "2026-02-16T11:59:30.000Z")] * 5
    source = small_gateway([key(1)], [*minute, *batch])
    GatewayConfig.objects.create(source=source, rate_limit_per_min=10)
    (only,) = ask("notifications")["notifications"]
    assert only["details"] == {"used": 9, "limit": 10, "remaining": 1}
    (row,) = ask("rate-limits")["perKey"]
    assert (row["calls"], row["currentWindowUsed"], row["currentWindowRemaining"]) == (13, 9, 1)


@pytest.fixture
def script() -> Any:
    """A script's request for an analysis of the small gateway, and what it gets."""
    source = small_gateway(
        [key(1, credits=0, totalCalls=2)],
        [call(1, namespace="prod"), call(1, namespace=" prod", creditsCharged=5)],
    )
    issue(AdminToken(name="script", role="viewer", source=source), KEY)

    def send(where: str) -> Any:
        joint = "&" if "?" in where else "?"
        moment = f"{joint}as_of={NOW:%Y-%m-%dT%H:%M:%SZ}"
        answer = Client().get(f"/admin/{where}{moment}", headers={"X-Admin-Key": KEY})
        assert answer.status_code == 200, answer.content
        return answer.json()

    return send


@pytest.mark.parametrize(
    ("slug", "sent"),
    [
        ("consumer-segmentation", "power=2&regular=2&casual=1"),
        ("consumer-segmentation", "power=abc"),
        ("credit-distribution", "buckets=5"),
        ("credit-distribution", "buckets=abc"),
        ("costs", "window=1&limit=abc&tz=Nowhere"),
    ],
)
def test_names_that_the_gateway_does_not_read_change_nothing(
    script: Any, slug: str, sent: str
) -> None:
    assert script(f"{slug}?{sent}") == script(slug)


def test_spaces_count_in_what_a_script_sends(script: Any) -> None:
    assert script("costs?namespace=prod")["summary"]["totalCredits"] == 1
    assert script("costs?namespace=%20prod")["summary"]["totalCredits"] == 5
    assert script("costs?since=%202027")["summary"]["totalCalls"] == 2  # a space sorts first
    assert script("costs?since=2027")["summary"]["totalCalls"] == 0
    assert script("notifications?severity=critical")["total"] == 1
    assert script("notifications?severity=critical%20")["total"] == 0
    exported = script("compliance/export?since=2026-02-01%20")
    assert exported["meta"]["periodStart"] == "2026-02-01 "


def test_both_reports_of_uptime_name_the_same_start() -> None:
    nothing_yet = {"startedAt": None, "uptimeSeconds": 0, "uptimeHours": 0}
    small_gateway()
    assert ask("dashboard")["uptime"] == nothing_yet
    small_gateway([key(1)], [call(1, "2026-02-16T09:59:59.500Z")], slug="other")
    uptime = ask("dashboard", source="other")["uptime"]
    assert uptime == {
        "startedAt": "2026-02-16T09:59:59.500Z",
        "uptimeSeconds": 7200,  # 7200.5
        "uptimeHours": 2,
    }
    of_sla = ask("sla", source="other")["uptime"]
    assert of_sla == {name: uptime[name] for name in ("startedAt", "uptimeSeconds")}
