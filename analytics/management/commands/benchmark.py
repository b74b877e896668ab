"""Measure the portal against bare SQL on the same data, in a database of its own."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from django.core.management.base import BaseCommand

from analytics.benchmark.dashboards import compare_sizes, measure_dashboards
from analytics.benchmark.gateway import measure_gateway
from analytics.benchmark.ingest import measure_ingest
from analytics.benchmark.results import Measurement, table
from analytics.benchmark.rolling import measure_rollup
from analytics.benchmark.scratch import Scratch, scratch_database, use
from analytics.benchmark.seeding import seed_payments


def sizes(text: str) -> list[int]:
    """Different numbers of payments, ascending; ValueError for anything else."""
    return sorted({int(part) for part in text.split(",")})


class Command(BaseCommand):
    """Prints one table; every ratio is of two measurements of this run."""

    help = (
        "Measure ingest, rollups and the dashboard as ratios to bare SQL on the same data. Works "
        "in scratch databases on the same server, which it drops."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How much data."""
        parser.add_argument("--payments", type=sizes, default=sizes("100000,2000000"))
        parser.add_argument("--ingest-payments", type=int, default=10_000)
        parser.add_argument("--gateway", action="store_true", help="Time the gateway reports only.")
        parser.add_argument("--keys", type=int, default=100_000)
        parser.add_argument("--calls", type=int, default=5_000_000)
        parser.add_argument("--log-entries", type=int, default=1_000_000)

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure everything, then print the table."""
        if options["gateway"]:
            self._gateway(options["keys"], options["calls"], options["log_entries"])
            return
        with scratch_database("ingest") as scratch:
            ingest = measure_ingest(scratch.url, options["ingest_payments"])
            measurements = [self._said(ingest)]
        measurements += [self._said(one) for one in _by_size(options["payments"])]
        self.stdout.write(table(measurements))

    def _gateway(self, keys: int, calls: int, entries: int) -> None:
        with scratch_database("gateway"):
            self.stdout.write(table([self._said(m) for m in measure_gateway(keys, calls, entries)]))

    def _said(self, one: Measurement) -> Measurement:
        self.stderr.write(f"{one.name} at {one.rows:,}: {one.ratio:.2f} {one.reading}")
        return one


def _by_size(wanted: list[int]) -> Iterator[Measurement]:
    with ExitStack() as stack:
        databases = {size: _seeded(size, stack) for size in wanted}
        dashboards = measure_dashboards(databases)
        yield from dashboards
        use(databases[wanted[-1]])
        yield from measure_rollup(wanted[-1])
        if len(dashboards) > 1:
            yield compare_sizes(dashboards[0], dashboards[-1])


def _seeded(payments: int, stack: ExitStack) -> Scratch:
    scratch = stack.enter_context(scratch_database(f"{payments}"))
    seed_payments(payments)
    return scratch
