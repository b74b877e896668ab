"""Fixtures for the whole suite."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections


def pytest_configure() -> None:
    """Give each parallel run a cache of its own; one clears it, another counts requests in it."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    cache = settings.CACHES["default"]
    if "LOCATION" in cache:
        cache["LOCATION"] = f"{cache['LOCATION']}?db={10 + int(worker) % 6}"


KEPT = {"django_migrations", "django_content_type", "auth_permission"}


SEEDED = (
    *("billing_network", "billing_asset", "billing_source", "analytics_rollupstate"),
    "notify_alertrule",
)


@pytest.fixture(scope="session")
def seeds(django_db_setup: None, django_db_blocker: Any) -> None:
    """A copy of what migrations seeded, in tables of its own."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table in SEEDED:
            cursor.execute(f"drop table if exists seed_{table}")
            cursor.execute(f"create table seed_{table} as table {table}")


def reset_database() -> None:
    """Every table as migrations left it.

    TRUNCATE and DELETE of facts are refused by triggers, so they are switched off for it.
    """
    with connection.cursor() as cursor:
        cursor.execute("set session_replication_role = replica")
        for table in connection.introspection.table_names(cursor):
            if table not in KEPT and not table.startswith("seed_"):
                cursor.execute(f'delete from "{table}"')  # noqa: S608 - names come from the catalog
        for table in SEEDED:
            cursor.execute(f"insert into {table} table seed_{table}")
        cursor.execute("set session_replication_role = origin")


@pytest.fixture
def transactional_db(seeds: None, django_db_blocker: Any) -> Iterator[None]:
    """A database in which commits are real; afterwards it is as migrations left it.

    It stands in for the fixture of the same name, whose TRUNCATE our triggers refuse.
    """
    with django_db_blocker.unblock():
        try:
            yield
        finally:
            reset_database()
            connections.close_all()


@pytest.fixture
def committed_db(transactional_db: None) -> None:
    """The same, by the name that says what it is for."""
