"""Write facts or statistics as files by UTC day, as CSV or Parquet."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rest_framework.exceptions import ValidationError

from analytics.exports.files import write
from analytics.exports.forms import FORMS
from analytics.exports.kinds import KINDS
from analytics.exports.reading import Wanted, database_now, reading
from analytics.params import InstantField
from billing.models import Source


class Command(BaseCommand):
    """`manage.py export_facts payments --from 2026-01-01 --to 2026-01-31 --into /exports`."""

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
        parser.add_argument("--format", choices=sorted(FORMS), default="parquet")
        parser.add_argument("--source", help="Slug; default every source.")
        parser.add_argument(
            "--as-of", type=_moment, help="Nothing later than this moment; default now."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """A file for each day that has rows: <into>/<kind>/day=<day>.<format>."""
        wanted = self._wanted(options)
        with reading(wanted) as found:
            for day, rows in found.by_day():
                name = f"day={day}.{options['format']}"
                path = options["into"] / wanted.kind.view / name
                count = write(path, found.columns, rows)
                self.stdout.write(f"{path} {count}")

    def _wanted(self, options: dict[str, Any]) -> Wanted:
        as_of = options["as_of"] or database_now()
        first = options["first"] or as_of.astimezone(UTC).date() - timedelta(days=1)
        last, source = options["last"] or first, options["source"]
        if last < first:
            raise CommandError("--to is before --from")
        if source is not None and not Source.objects.filter(slug=source).exists():
            raise CommandError(f"there is no source {source}")
        return Wanted(KINDS[options["kind"]], first, last, as_of, source)


def _moment(text: str) -> datetime:
    """As the API reads it; without an offset it is UTC."""
    try:
        moment = InstantField().to_internal_value(text)
    except ValidationError as error:
        raise ArgumentTypeError("use ISO 8601 or epoch milliseconds") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
