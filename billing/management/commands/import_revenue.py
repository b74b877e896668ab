"""Take in a file of export_revenue: what is there already is not counted twice."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.checked_lines import BadBackup, check
from billing.revenue_backup import FORMAT, Taken, take


class Command(BaseCommand):
    """`manage.py import_revenue revenue.jsonl`."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file."""
        parser.add_argument("file", type=Path)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Nothing is taken from a file that is not whole."""
        path = options["file"]
        try:
            with path.open(encoding="utf-8", newline="\n") as file:
                check(file, FORMAT, "lines")
                taken = take(file)
        except (OSError, UnicodeDecodeError, BadBackup) as error:
            raise CommandError(f"{path}: {error}") from error
        self._tell(taken)

    def _tell(self, taken: Taken) -> None:
        events = ", ".join(f"{count:,} {outcome}" for outcome, count in taken.events.items())
        self.stdout.write(f"{sum(taken.events.values()):,} events: {events}")
        said = ", ".join(f"{taken.records[n]:,} {n}" for n in ("same", "different", "missing"))
        self.stdout.write(f"{taken.records.total():,} records: {said}")
        for line in taken.doubtful:
            self.stderr.write(line)
        if taken.records["missing"] or taken.events["rejected"]:
            raise CommandError("the book lacks records of the file; see the rejected events")
