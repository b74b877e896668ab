"""Payments as rollups have them: hours, days and raw facts say the same, however late or often."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from analytics.models import DailyStat, HourlyStat, QuarterHourStat
from analytics.rollups import mark_everything, roll_stale
from billing.models import Payment, RevenueRecord
from tests.builders import paid, send
from tests.ingest.events import NOW, post, received, settled

HOUR = 3_600_000
GAS = {"gasUsed": "60000", "effectiveGasPrice": "1000001", "l1Fee": "7", "nativeUsdPrice": "2000"}
MEASURES = ("settled", "settled_volume", "facilitator_fees", "gas_native", "gas_costs")
Sums = tuple[Decimal | int, ...]


def sums(stat: type[QuarterHourStat | HourlyStat | DailyStat]) -> Sums:
    rows = stat.objects.all()
    return tuple(sum(getattr(row, name) for row in rows) for name in MEASURES)


def raw() -> Sums:
    payments = Payment.objects.filter(status="settled")
    book = RevenueRecord.objects.all()
    return (
        payments.count(),
        sum(p.amount_usd or 0 for p in payments),
        sum(r.amount_usd or 0 for r in book if r.kind == "facilitator_fee"),
        sum(p.gas_cost or 0 for p in payments),
        sum(r.amount_usd or 0 for r in book if r.kind == "gas"),
    )


@pytest.mark.django_db
def test_hours_are_days_are_raw_for_payments_volume_fees_and_gas() -> None:
    moments = [f"2026-03-{day:02}T{hour:02}:05:00Z" for day in (8, 9, 10) for hour in (0, 7, 23)]
    send(paid(f"p{n}", at, f"{n}.000001", f"0.{n}01", **GAS) for n, at in enumerate(moments))
    roll_stale()
    assert (HourlyStat.objects.count(), DailyStat.objects.count()) == (9, 3)
    # 0 + 1 + ... + 8; nine times 0.000001; 0.001 + 0.101 + ... + 0.801; 60,000 x 1,000,001 + 7 wei
    expected = (9, Decimal("36.000009"), Decimal("3.609"), 9 * 60_000_060_007)
    assert raw()[:4] == expected
    assert sums(QuarterHourStat) == sums(HourlyStat) == sums(DailyStat) == raw()


@pytest.mark.django_db
def test_an_event_settled_26_hours_late_lands_in_its_own_hour() -> None:
    post(received("now"), settled("now"))
    roll_stale()
    late = datetime.fromtimestamp((NOW - 26 * HOUR) / 1000, UTC)
    today = HourlyStat.objects.get().pk
    post(received("late", -26 * HOUR, amount="7"), settled("late", -26 * HOUR + 1))
    roll_stale()
    hours = {row.bucket: row for row in HourlyStat.objects.all()}
    assert {at: row.settled_volume for at, row in hours.items()} == {
        late: 7,
        late + timedelta(hours=26): 10,
    }
    assert hours[late + timedelta(hours=26)].pk == today  # not even written again


def rows() -> list[tuple[object, ...]]:
    return [
        (stat.__name__, *row)
        for stat in (QuarterHourStat, HourlyStat, DailyStat)
        for row in stat.objects.order_by("bucket").values_list("bucket", *MEASURES)
    ]


def test_rolling_up_by_several_workers_at_once_changes_nothing(committed_db: None) -> None:
    moments = [f"2026-03-{day:02}T{hour:02}:05:00Z" for day in range(1, 8) for hour in range(24)]
    send(paid(f"p{n}", at, **GAS) for n, at in enumerate(moments))
    roll_stale()
    once = rows()
    assert len(once) == 7 * 24 * 2 + 7
    mark_everything()
    failures: list[str] = []
    workers = [threading.Thread(target=_noted, args=(roll_stale, failures)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    roll_stale()  # a worker leaves to the others what they hold: this one takes what is left
    assert rows() == once


def _noted(work: Callable[[], int], failures: list[str]) -> None:
    """Do it on a connection of this thread's own."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - carried to the asserting thread
        failures.append(repr(error))
    finally:
        connection.close()
