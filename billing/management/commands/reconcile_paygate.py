"""Say what each of a gateway's ledgers has that another lacks."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.utils import OperationalError

from billing.gateway.reconcile import Table, reconcile
from billing.gateway.reconcile import tables as tables_of
from billing.models import Source
from billing.models.sources import SourceKind


class Command(BaseCommand):
    """`reconcile_paygate <source> [--days 30]`; it changes nothing."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The gateway, and how far back its calls are compared."""
        parser.add_argument("source", help="slug of the gateway")
        parser.add_argument("--days", type=int, default=30, help="compare calls so far back")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print the parts that have rows."""
        source = Source.objects.filter(slug=options["source"], kind=SourceKind.PAYGATE).first()
        if source is None:
            raise CommandError(f"there is no gateway {options['source']!r}")
        try:
            found = reconcile(source, options["days"])
        except OperationalError as error:
            raise CommandError(f"it took too long; ask for fewer --days: {error}") from error
        for table in tables_of(found):
            self._say(table)

    def _say(self, table: Table) -> None:
        self.stdout.write(f"\n{table.title}")
        if not table.rows:
            self.stdout.write("  none")
            return
        lines = [table.headings, *table.rows]
        widths = [max(len(line[n]) for line in lines) for n in range(len(table.headings))]
        for line in lines:
            cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
            self.stdout.write(f"  {'  '.join(cells)}".rstrip())
