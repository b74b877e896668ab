"""Rolling all quarter hours and hours beside one bare GROUP BY of the same measures."""

import time
from collections.abc import Iterator
from math import inf

from django.db import connection

from analytics.benchmark.results import Measurement
from analytics.benchmark.seeding import LONG, catch_up
from analytics.measures import LIST
from analytics.models import Grain
from analytics.rollups import mark_everything, roll_grain, roll_stale

BARE = f"""
create table bare_rollup as
select source_id, network_id, bucket, {LIST}
from analytics_facts('-infinity', 'infinity', null)
"""  # noqa: S608 - composed of constants


def measure_rollup(payments: int) -> Iterator[Measurement]:
    """Both read every payment and revenue record once more; the bare way writes one table.

    First the hours alone; then everything that is derived: days, histograms, unique counts.
    """
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(BARE)
        cursor.execute("drop table bare_rollup")
    peer = time.perf_counter() - began
    mark_everything()
    began = time.perf_counter()
    for grain in (Grain.QUARTER, Grain.HOUR):
        roll_grain(grain, inf)
    hours = time.perf_counter() - began
    yield _beside(payments, peer, hours, "rollup of all hours", " (wanted: at most 1.5)")
    roll_stale(LONG)
    everything = time.perf_counter() - began
    yield _beside(payments, peer, everything, "the same with days, histograms, uniques", "")
    catch_up()


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
