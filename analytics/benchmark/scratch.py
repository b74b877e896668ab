"""Databases of its own for the benchmark, made and dropped again."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from django.db import connection


class Scratch(NamedTuple):
    """A database that will be dropped."""

    name: str
    url: str


@contextmanager
def scratch_database(label: str = "main") -> Iterator[Scratch]:
    """Point Django at a new, migrated database on the same server until it is dropped."""
    original = connection.settings_dict["NAME"]
    name = f"paygate_benchmark_{os.getpid()}_{label}"
    _execute(f'create database "{name}"')
    scratch = Scratch(name, urlsplit(settings.DATABASE_URL)._replace(path=f"/{name}").geturl())
    use(scratch)
    try:
        call_command("migrate", verbosity=0)
        yield scratch
    finally:
        _switch(original)
        _execute(f'drop database "{name}" with (force)')


def use(scratch: Scratch) -> None:
    """Point Django at one of several scratch databases, by a new connection."""
    _switch(scratch.name)


def _switch(name: str) -> None:
    connection.close()
    # A pool would go on handing out connections to the database before.
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL has it
    connection.settings_dict["NAME"] = name


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
