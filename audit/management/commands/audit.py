"""Verify the audit trail, or write it out."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit import chain
from audit.export import lines


def noted(text: str) -> tuple[int, str]:
    """`<number>:<hash>` as `verify` prints it; ValueError for anything else."""
    entry, _, digest = text.partition(":")
    if len(digest) != 64:
        raise ValueError(text)
    return int(entry), digest


class Command(BaseCommand):
    """`audit verify` and `audit export`."""

    help = "Verify that nobody rewrote the audit trail, or write it out as JSON lines."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One subcommand each."""
        actions = parser.add_subparsers(dest="action", required=True)
        verify = actions.add_parser("verify", help="Recompute every hash; exit 1 if one differs.")
        verify.add_argument(
            "--expect",
            type=noted,
            default=None,
            metavar="NUMBER:HASH",
            help="What an earlier run printed and you kept elsewhere: finds a trail that was "
            "rewritten from some entry on, or cut.",
        )
        export = actions.add_parser("export", help="Every entry as one JSON object a line.")
        export.add_argument("--since", type=int, default=0, metavar="NUMBER", help="After this.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do as the subcommand says."""
        if options["action"] == "export":
            for line in lines(options["since"]):
                self.stdout.write(json.dumps(line, ensure_ascii=False))
            return
        self._verify(options["expect"])

    def _verify(self, expected: tuple[int, str] | None) -> None:
        found = [f"entry {one.entry}: {one.what}" for one in chain.breaks()]
        if expected and not chain.is_at(*expected):
            found.append(f"entry {expected[0]}: it has not the hash that was noted")
        if found:
            raise CommandError("The audit trail is not as it was written.\n" + "\n".join(found))
        entry, digest = chain.head()
        self.stdout.write(f"{entry} entries, unbroken.")
        if entry:
            self.stdout.write(f"Keep this elsewhere: {entry}:{digest}")
