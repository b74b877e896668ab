"""Write the accepted events of a source to a file, or take such a file in again."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.backup import check, lines, take
from billing.checked_lines import BadBackup, write_whole
from billing.models import Source


class Command(BaseCommand):
    """`events export <source> [--into FILE]` and `events import <source> FILE`."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One subcommand each."""
        actions = parser.add_subparsers(dest="action", required=True)
        out = actions.add_parser("export", help="Every accepted event, verbatim, as JSON lines.")
        out.add_argument("source", help="slug")
        out.add_argument("--into", type=Path, help="A file; default standard output.")
        out.add_argument("--since", type=int, default=0, metavar="NUMBER", help="After this one.")
        back = actions.add_parser("import", help="Send a file's events through the door again.")
        back.add_argument("source", help="slug; where they go to")
        back.add_argument("file", type=Path)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do as the subcommand says."""
        source = Source.objects.filter(slug=options["source"]).first()
        if source is None:
            raise CommandError(f"there is no source {options['source']}")
        if options["action"] == "export":
            self._export(source, options["into"], options["since"])
        else:
            self._import(source, options["file"])

    def _export(self, source: Source, into: Path | None, since: int) -> None:
        if into is None:
            for line in lines(source, since):
                self.stdout.write(line, ending="")
            return
        write_whole(into, lines(source, since))

    def _import(self, source: Source, path: Path) -> None:
        """Nothing is taken from a file that is not whole."""
        try:
            with path.open(encoding="utf-8", newline="\n") as file:
                count = check(file)
                found = take(file, source)
        except (OSError, UnicodeDecodeError, BadBackup) as error:
            raise CommandError(f"{path}: {error}") from error
        said = ", ".join(f"{number:,} {outcome}" for outcome, number in found.items())
        self.stdout.write(f"{count:,} events: {said}")
        if found["rejected"]:
            sys.stderr.write("Rejected events are in the quarantine.\n")
