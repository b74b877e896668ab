"""Measure the portal against bare SQL on the same data, in a database of its own."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand

from analytics.benchmark.dashboards import compare_sizes, measure_dashboard
from analytics.benchmark.ingest import measure_ingest
from analytics.benchmark.results import Measurement, table
from analytics.benchmark.rolling import measure_rollup
from analytics.benchmark.scratch import scratch_database
from analytics.benchmark.seeding import seed_payments


def sizes(text: str) -> list[int]:
    """Ascending numbers of payments; ValueError for anything else."""
    return sorted(int(part) for part in text.split(","))


class Command(BaseCommand):
    """Prints one table; every ratio is of two measurements of this run."""

    help = (
        "Measure ingest, rollups and the dashboard as ratios to bare SQL on the same data. Works "
        "in a scratch database on the same server, which it drops."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How much data."""
        parser.add_argument("--payments", type=sizes, default=sizes("100000,2000000"))
        parser.add_argument("--ingest-payments", type=int, default=10_000)

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure everything, then print the table."""
        with scratch_database() as url:
            measurements = [self._said(measure_ingest(url, options["ingest_payments"]))]
        with scratch_database():
            measurements += [self._said(one) for one in _by_size(options["payments"])]
        self.stdout.write(table(measurements))

    def _said(self, one: Measurement) -> Measurement:
        self.stderr.write(f"{one.name} at {one.rows:,}: {one.ratio:.2f} {one.reading}")
        return one


def _by_size(wanted: list[int]) -> Iterator[Measurement]:
    present, dashboards = 0, []
    for size in wanted:
        seed_payments(present, size)
        present = size
        dashboards.append(measure_dashboard(size))
        yield dashboards[-1]
    yield from measure_rollup(present)
    if len(dashboards) > 1:
        yield compare_sizes(dashboards[0], dashboards[-1])
