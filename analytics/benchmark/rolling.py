"""Rolling all quarter hours and hours beside one bare GROUP BY of the same measures."""

from collections.abc import Iterator
from math import inf
from statistics import median

from django.db import connection

from analytics.benchmark.results import Measurement, seconds_of
from analytics.benchmark.seeding import LONG, catch_up, vacuum
from analytics.measures import LIST
from analytics.models import Grain
from analytics.rollups import mark_everything, roll_grain, roll_stale

TURNS = 5

BARE = f"""
create table bare_rollup as
select source_id, network_id, bucket, {LIST}
from analytics_facts('-infinity', 'infinity', null)
"""  # noqa: S608 - composed of constants


def measure_rollup(payments: int) -> Iterator[Measurement]:
    """Both read every payment and revenue record once more; the bare way writes one table.

    First the hours alone, in turns with the bare way; then, once, what else is derived: days,
    histograms, unique counts.
    """
    turns = [(seconds_of(_group_bare), _hours()) for _ in range(TURNS)]
    peer, hours = (median(seconds) for seconds in zip(*turns, strict=True))
    yield _beside(payments, peer, hours, "rollup of all hours", " (wanted: at most 1.5)")
    rest = seconds_of(lambda: roll_stale(LONG))
    yield _beside(payments, peer, hours + rest, "the same with days, histograms, uniques", "")
    catch_up()


def _group_bare() -> None:
    with connection.cursor() as cursor:
        cursor.execute(BARE)
        cursor.execute("drop table bare_rollup")


def _hours() -> float:
    """Seconds to roll all quarter hours and hours, from tables as autovacuum leaves them."""
    vacuum()
    mark_everything()
    return seconds_of(lambda: [roll_grain(grain, inf) for grain in (Grain.QUARTER, Grain.HOUR)])


def _beside(payments: int, peer: float, ours: float, name: str, wanted: str) -> Measurement:
    return Measurement(
        name=name,
        rows=payments,
        peer="one bare GROUP BY",
        peer_seconds=peer,
        our_seconds=ours,
        ratio=ours / peer,
        reading=f"times the bare GROUP BY's seconds{wanted}",
    )
