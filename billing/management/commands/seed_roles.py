"""The roles of staff as groups."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from billing.access.roles import GROUPS, seed


class Command(BaseCommand):
    """Idempotent; what was changed in these groups by hand is set right."""

    help = f"Make the groups {', '.join(GROUPS)} with the permissions of their roles."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Only --only-missing."""
        parser.add_argument(
            "--only-missing", action="store_true", help="leave groups alone that exist"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed, and say what changed."""
        changed = seed(options["only_missing"])
        self.stdout.write(f"Set: {', '.join(changed)}." if changed else "All as they should be.")
