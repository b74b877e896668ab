"""Write facts or statistics as files by UTC day, as CSV or Parquet."""

from argparse import ArgumentParser
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.exports.files import write
from analytics.exports.kinds import KINDS
from analytics.exports.reading import reading
from billing.models import Source


class Command(BaseCommand):
    """`manage.py export_days payments --from 2026-01-01 --to 2026-01-31 --into /exports`."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What, which days, where to."""
        parser.add_argument("kind", choices=sorted(KINDS))
        parser.add_argument(
            "--from", dest="first", type=date.fromisoformat, help="First day; default yesterday."
        )
        parser.add_argument(
            "--to", dest="last", type=date.fromisoformat, help="Last day; default the first."
        )
        parser.add_argument("--into", type=Path, required=True, help="A directory.")
        parser.add_argument("--format", choices=["parquet", "csv"], default="parquet")
        parser.add_argument("--source", help="Slug; default every source.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """A file for each day that has rows: <into>/<kind>/day=<day>.<format>."""
        first = options["first"] or datetime.now(UTC).date() - timedelta(days=1)
        last = options["last"] or first
        kind, source = KINDS[options["kind"]], options["source"]
        self._check(first, last, source)
        with reading(kind, first, last, source) as rows:
            for day, of_day in rows.days:
                path = options["into"] / kind.view / f"day={day}.{options['format']}"
                count = write(path, rows.columns, of_day)
                self.stdout.write(f"{path} {count}")

    def _check(self, first: date, last: date, source: str | None) -> None:
        if last < first:
            raise CommandError("--to is before --from")
        if source is not None and not Source.objects.filter(slug=source).exists():
            raise CommandError(f"there is no source {source}")
