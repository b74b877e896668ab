"""Catch-up, rebuild, verification, the commands."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection

from analytics import rollups, tasks, verify
from analytics.models import DailyStat, Grain, HourlyStat, QuarterHourStat, RunningTotal
from paygate_site import environment
from tests.builders import ALICE, BOB, ask, paid, send
from tests.ingest.events import NOW, event, post, received, settled
from tests.rollups.invariant import assert_invariant, wrong_reads, wrong_uniques

pytestmark = pytest.mark.django_db
DAY = 86_400_000
START = datetime.fromtimestamp(NOW / 1000, UTC)


def test_a_worker_stopped_for_days_fills_every_gap() -> None:
    for day in range(5):
        post(received(f"p{day}", -day * DAY), settled(f"p{day}", -day * DAY + 1))
    assert DailyStat.objects.count() == 0
    tasks.roll_stale_buckets()
    assert DailyStat.objects.count() == 5
    assert rollups.status()["oldest_mark_seconds"] is None
    assert_invariant()


def test_a_late_event_lands_in_its_own_bucket_and_no_other() -> None:
    post(received("now"), settled("now"))
    post(received("old", -40 * DAY), settled("old", -40 * DAY))
    rollups.roll_stale(5)
    before = {s.pk for s in QuarterHourStat.objects.all()}
    post(settled("late", -40 * DAY, network="base", amount="7"))
    assert rollups.stale_buckets(Grain.QUARTER, 9) == [
        datetime.fromtimestamp((NOW - 40 * DAY) // 900_000 * 900, UTC)
    ]
    rollups.roll_stale(5)
    assert len(before & {s.pk for s in QuarterHourStat.objects.all()}) == 1
    old = HourlyStat.objects.filter(bucket__lt=START - timedelta(days=30))
    assert sum(s.settled_volume for s in old) == 17
    assert_invariant()


def test_rolling_twice_changes_nothing() -> None:
    post(received("p"), settled("p"))
    rollups.roll_stale(5)
    first = list(HourlyStat.objects.order_by("bucket").values_list("bucket", "settled_volume"))
    rollups.mark_everything()
    rollups.roll_stale(5)
    again = list(HourlyStat.objects.order_by("bucket").values_list("bucket", "settled_volume"))
    assert first == again == [(START, Decimal(10))]


def test_hours_sum_to_days_and_unique_payers_are_of_the_day_not_of_its_hours() -> None:
    day = NOW // DAY * DAY - DAY - NOW  # yesterday, midnight UTC
    for hour in (0, 5, 23):
        name = f"p{hour}"
        post(
            received(name, day + hour * 3_600_000, payer="0xSame", payee=f"0x{hour}"),
            settled(name, day + hour * 3_600_000 + 1),
        )
    rollups.roll_stale(5)
    stat = DailyStat.objects.get()
    hours = HourlyStat.objects.all()
    assert (stat.settled, sum(h.settled for h in hours)) == (3, 3)
    assert (stat.settled_volume, stat.facilitator_fees) == (Decimal(30), Decimal("0.09"))
    with connection.cursor() as cursor:
        cursor.execute(
            "select payers, payees from analytics_dailyunique"
            " where scope = ' main' and source_id is null"
        )
        assert cursor.fetchall() == [(1, 3)]
    assert wrong_uniques() == []


def payers_of_the_day(zone: str) -> int:
    rows = ask("revenue-daily", tz=zone, days="2")
    assert [row["payments"] for row in rows] == [2, 0]
    found: int = rows[0]["uniquePayers"]
    return found


@pytest.mark.parametrize("name", ["main", "all"])
def test_a_network_of_any_name_is_counted_apart(name: str) -> None:
    send(paid("a", "2026-03-09T10:00:00Z", payer=ALICE))
    send(paid("b", "2026-03-09T10:00:00Z", payer=BOB, network=name))
    rollups.roll_stale(5)
    for choice in ({}, {"network": name, "include_testnets": "true"}):
        row = ask("revenue-daily", days="2", **choice)[0]
        assert (row["payments"], row["uniquePayers"]) == (1, 1)


def test_counts_of_a_zone_no_longer_configured_are_forgotten(settings: Any) -> None:
    settings.PAYGATE_ZONES = ["Asia/Kolkata"]
    send(paid("a", "2026-03-09T10:00:00Z", payer=ALICE))
    rollups.roll_stale(5)
    settings.PAYGATE_ZONES = []
    send(paid("b", "2026-03-09T10:00:00Z", payer=BOB))
    rollups.roll_stale(5)
    assert payers_of_the_day("Asia/Kolkata") == 2
    settings.PAYGATE_ZONES = ["Asia/Kolkata"]
    rollups.roll_stale(5)
    assert payers_of_the_day("Asia/Kolkata") == 2


def test_a_new_zone_is_counted_from_the_first_day_whatever_else_is_stale(settings: Any) -> None:
    send(paid("a", "2026-01-09T10:00:00Z"))
    rollups.roll_stale(5)
    settings.PAYGATE_ZONES = ["Asia/Kolkata"]
    send(paid("b", "2026-03-09T10:00:00Z"))
    rollups.roll_stale(5)
    with connection.cursor() as cursor:
        cursor.execute("select distinct day from analytics_dailyunique where zone = 'Asia/Kolkata'")
        assert {str(row[0]) for row in cursor.fetchall()} == {"2026-01-09", "2026-03-09"}


def test_a_configured_zone_that_does_not_exist_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PAYGATE_ZONES", "UTC, Asia/Kolkatta")
    with pytest.raises(ImproperlyConfigured, match="PAYGATE_ZONES: Asia/Kolkatta"):
        environment.zones("PAYGATE_ZONES", "UTC")


def test_running_totals_follow_corrections() -> None:
    post(received("p"), settled("p"), received("q"), settled("q", amount="3"))
    rollups.fold_totals(1)
    post(event("payment:reversed", "q", 5000))
    assert_invariant()
    rollups.fold_totals(1)
    assert_invariant()
    payer = RunningTotal.objects.get(kind="payer")
    assert (payer.key1, payer.volume, payer.payments) == ("0xaa", 10, 1)


def test_verify_finds_counts_and_repairs_a_tampered_rollup() -> None:
    post(received("p"), settled("p"))
    rollups.roll_stale(5)
    assert verify.verify_all() == 0
    assert rollups.verified_to() is not None
    QuarterHourStat.objects.update(settled_volume=99)
    HourlyStat.objects.update(settled=7)
    assert verify.verify_all() == 1  # the hour and day above it are suspect with it
    assert rollups.status()["mismatches"] == 1
    assert_invariant()  # reads are right again at once: the buckets are marked
    rollups.roll_stale(5)
    assert verify.verify_all() == 0


def test_verify_corrects_a_tampered_running_total() -> None:
    post(received("p"), settled("p"), received("q"), settled("q"))
    rollups.fold_totals(1)
    RunningTotal.objects.filter(kind="payer").update(volume=1)
    RunningTotal.objects.filter(kind="route").delete()
    assert verify.verify_all() == 2
    assert_invariant()
    assert verify.verify_all() == 0


def test_the_command_rebuilds_and_verifies() -> None:
    post(received("p"), settled("p"))
    rollups.roll_stale(5)
    HourlyStat.objects.all().delete()
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("rollups", "verify", stdout=out)
    assert "1 buckets differed" in out.getvalue()
    call_command("rollups", "rebuild", "--from", "2026-01-01", "--to", "2026-01-02", stdout=out)
    assert "marked 96 quarter hours" in out.getvalue()
    call_command("rollups", "rebuild", stdout=out)
    call_command("rollups", "verify", stdout=out)
    assert "rollups equal the facts" in out.getvalue()
    call_command("rollups", "status", stdout=out)
    assert "quarters: 0" in out.getvalue()
    with pytest.raises(CommandError, match="not an ISO"):
        call_command("rollups", "rebuild", "--from", "x", "--to", "y")


@pytest.mark.parametrize("hours", [1, 7, 24, 24 * 9])
def test_any_window_however_it_cuts_buckets_equals_the_facts(hours: int) -> None:
    for n in range(60):
        at = -n * 3 * 3_600_000 - n * 1_234_567
        post(received(f"p{n}", at), settled(f"p{n}", at + n * 99_999))
    rollups.roll_stale(5)
    post(received("open", -5), settled("open", -4))
    for minutes in (0, 1, 14, 15, 16, 59, 60, 61, 1439, 1440, 1441):
        end = START - timedelta(minutes=minutes, microseconds=minutes)
        assert wrong_reads(end - timedelta(hours=hours, seconds=7), end) == []
