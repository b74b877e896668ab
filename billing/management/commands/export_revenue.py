"""Write the money book to a file of JSON lines, with the events that it comes from."""

from argparse import ArgumentParser
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.checked_lines import write_whole
from billing.models import Source
from billing.revenue_backup import lines


class Command(BaseCommand):
    """`manage.py export_revenue --into revenue.jsonl [--from DAY] [--to DAY] [--source SLUG]`."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which records, where to."""
        parser.add_argument("--into", type=Path, help="A file; default standard output.")
        parser.add_argument(
            "--from", dest="first", type=date.fromisoformat, help="First day (UTC); default all."
        )
        parser.add_argument(
            "--to", dest="last", type=date.fromisoformat, help="Last day (UTC); default all."
        )
        parser.add_argument("--source", help="Slug; default every source.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """The file is there whole or not at all."""
        first, last, source = options["first"], options["last"], options["source"]
        if first and last and last < first:
            raise CommandError("--to is before --from")
        if source is not None and not Source.objects.filter(slug=source).exists():
            raise CommandError(f"there is no source {source}")
        found = lines(_midnight(first), _midnight(last, timedelta(days=1)), source)
        if options["into"] is not None:
            write_whole(options["into"], found)
            return
        for line in found:
            self.stdout.write(line, ending="")


def _midnight(day: date | None, later: timedelta = timedelta()) -> datetime | None:
    return datetime.combine(day, time(), UTC) + later if day else None
