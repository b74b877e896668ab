"""Make a REST token from the command line."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.models import AdminToken, Source
from billing.models.tokens import Role
from billing.tokens import issue


class Command(BaseCommand):
    """Prints the secret of the token it makes; it is never shown again."""

    help = "Make a REST token and print its secret, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What the token may do."""
        parser.add_argument("name", help="who or what will use it")
        parser.add_argument("--role", choices=Role.values, default="")
        parser.add_argument("--ingest", action="store_true", help="it may post events")
        parser.add_argument("--source", help="slug of the only source it sees and posts for")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it."""
        if not options["role"] and not options["ingest"]:
            raise CommandError("Give it a --role, or --ingest.")
        token = AdminToken(
            name=options["name"],
            role=options["role"],
            can_ingest=options["ingest"],
            source=_source(options["source"]),
        )
        self.stdout.write(issue(token))


def _source(slug: str | None) -> Source | None:
    if slug is None:
        return None
    try:
        return Source.objects.get(slug=slug)
    except Source.DoesNotExist as error:
        raise CommandError(f"There is no source {slug!r}.") from error
