"""Write the matrix of docs/access.md by asking at every door, or check that it is current."""

import logging
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.benchmark.scratch import scratch_database
from analytics.doors.callers import make_callers
from analytics.doors.knocking import as_delivered
from analytics.doors.paper import matrix, replaced, text_of

PATH = Path(settings.BASE_DIR) / "docs" / "access.md"


class Command(BaseCommand):
    """`manage.py write_access_matrix [--check]`. It asks on a database of its own."""

    help = "Write who is let in where into docs/access.md; with --check only fail when it differs."

    def add_arguments(self, parser: CommandParser) -> None:
        """Only --check."""
        parser.add_argument("--check", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, then write or compare; CommandError when a check finds a difference."""
        logging.disable(logging.WARNING)  # a line for each of thousands of requests
        with scratch_database("doors"), as_delivered():
            callers = make_callers()
            tables = text_of(matrix(callers), callers)
        paper = PATH.read_text(encoding="utf-8")
        current = replaced(paper, tables)
        if not options["check"]:
            PATH.write_text(current, encoding="utf-8")
        elif paper != current:
            raise CommandError(f"{PATH.name} is not current: run manage.py write_access_matrix")
