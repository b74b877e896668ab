"""The report `realtime`."""

import pytest

from tests.builders import ask, earned, failed, paid, received, send, verified

pytestmark = pytest.mark.django_db

AS_OF = "2026-03-10T12:20:30Z"


def test_a_minute_is_the_last_sixty_seconds() -> None:
    send(
        paid("too-old", "2026-03-10T12:19:30Z"),
        paid("oldest", "2026-03-10T12:19:30.000001Z"),
        paid("newest", "2026-03-10T12:20:30Z"),
        paid("too-new", "2026-03-10T12:20:31Z"),
    )
    assert ask("realtime", as_of=AS_OF)["paymentsPerMinute"] == 2


def test_revenue_is_that_of_the_current_hour_of_the_zone() -> None:
    send(
        paid("a", "2026-03-10T12:10:00Z", "1", "0.5"),
        earned("p", "2026-03-10T12:16:00Z", "premium", "2"),
        paid("before", "2026-03-10T11:59:59Z", "1", "10"),
    )
    assert ask("realtime", as_of=AS_OF)["revenuePerHour"] == "2.500000"
    nepal = ask("realtime", as_of=AS_OF, tz="Asia/Kathmandu")  # its hour began at 12:15 UTC
    assert nepal["revenuePerHour"] == "2.000000"


def test_what_is_open_is_received_verified_or_pending() -> None:
    send(
        received("a", "2026-03-10T12:00:00Z"),
        received("b", "2026-03-10T12:00:00Z"),
        verified("b", "2026-03-10T12:00:01Z"),
        received("c", "2026-03-10T12:00:00Z"),
        failed("c", "2026-03-10T12:00:02Z", "settlement_pending"),
        received("d", "2026-03-10T12:00:00Z"),
        failed("d", "2026-03-10T12:00:02Z"),
        failed("d", "2026-03-10T12:00:03Z"),
        received("t", "2026-03-10T12:00:00Z", network="base-sepolia"),
    )
    assert ask("realtime", as_of=AS_OF)["pendingSettlements"] == 3
    assert ask("realtime", as_of=AS_OF, include_testnets="true")["pendingSettlements"] == 4
