"""A database of its own for the benchmark, made and dropped again."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from django.db import connection


@contextmanager
def scratch_database() -> Iterator[str]:
    """Point Django at a new, migrated database on the same server; yields its URL."""
    original = connection.settings_dict["NAME"]
    name = f"paygate_benchmark_{os.getpid()}"
    _execute(f'create database "{name}"')
    _switch(name)
    try:
        call_command("migrate", verbosity=0)
        yield urlsplit(settings.DATABASE_URL)._replace(path=f"/{name}").geturl()
    finally:
        _switch(original)
        _execute(f'drop database "{name}" with (force)')


def _switch(name: str) -> None:
    connection.close()
    # A pool would go on handing out connections to the database before.
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL has it
    connection.settings_dict["NAME"] = name


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
