"""Let a role of PostgreSQL read the views of the schema `paygate_views`, nothing else."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from psycopg import sql

SCHEMA = sql.Identifier("paygate_views")


class Command(BaseCommand):
    """`manage.py grant_sql_reader <role> [--revoke]`."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The role, which must exist; --revoke takes the rights back."""
        parser.add_argument("role")
        parser.add_argument("--revoke", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Grant or revoke; CommandError when there is no such role."""
        role, is_granting = options["role"], not options["revoke"]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("select 1 from pg_roles where rolname = %s", [role])
            if cursor.fetchone() is None:
                raise CommandError(f"there is no role {role}: CREATE ROLE first")
            for statement in _statements(role, is_granting):
                cursor.execute(statement.as_string(cursor.connection))
        verb = "may read" if is_granting else "no longer reads"
        self.stdout.write(f"{role} {verb} the views of the schema paygate_views")


def _statements(role: str, is_granting: bool) -> list[sql.Composed]:
    """Functions are everybody's unless taken away; they would show what the views show."""
    verb, to = ("grant", "to") if is_granting else ("revoke", "from")
    texts = (
        "revoke execute on all functions in schema {schema} from public",
        f"{verb} usage on schema {{schema}} {to} {{role}}",
        f"{verb} select on all tables in schema {{schema}} {to} {{role}}",
        f"{verb} execute on all functions in schema {{schema}} {to} {{role}}",
    )
    return [sql.SQL(text).format(schema=SCHEMA, role=sql.Identifier(role)) for text in texts]
