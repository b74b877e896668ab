"""Take a second factor away from somebody who lost it."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from billing.access.second_factor import remove


class Command(BaseCommand):
    """Ends the user's sessions too: what owed the factor must not be worth more without it."""

    help = "Remove the second factor and the recovery codes of a user, and end their sessions."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose."""
        parser.add_argument("user", help="the login name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Remove it."""
        name = options["user"]
        user = User.objects.filter(username=name).first()
        if user is None:
            raise CommandError(f"There is no user {name!r}.")
        had_one = remove(user)
        self.stdout.write(
            f"{name} has no second factor any more; all sessions ended."
            if had_one
            else f"{name} had no second factor; all sessions ended."
        )
