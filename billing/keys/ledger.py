"""Lines of a key's ledger. The database moves the balance with them, and by nothing else."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from billing.models import ApiKey

_ADD = """
insert into billing_creditentry
    (key_id, at, kind, amount, balance_before, balance_after, tool, memo, actor, request_id)
select k.id, clock_timestamp(), %(kind)s, %(amount)s, k.credits, k.credits + %(amount)s,
    %(tool)s, %(memo)s, %(actor)s, %(request_id)s
from billing_apikey k where k.id = %(key)s
returning balance_after
"""


@dataclass(frozen=True)
class Line:
    """A line to write: a signed amount in credits, and what it was for."""

    kind: str
    amount: Decimal
    actor: str
    memo: str = ""
    tool: str = ""
    request_id: str | None = None


def add_line(key: int, line: Line) -> Decimal:
    """Write the line; the balance after it. The caller holds the key's row lock.

    IntegrityError when the balance would fall below zero.
    """
    values: dict[str, Any] = {
        "key": key,
        "kind": line.kind,
        "amount": line.amount,
        "tool": line.tool,
        "memo": line.memo,
        "actor": line.actor,
        "request_id": line.request_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ADD, values)
        return Decimal(cursor.fetchone()[0])


def locked(*keys: int) -> dict[int, ApiKey]:
    """The keys by id, their rows locked in order of id so that two transfers cannot deadlock."""
    rows = ApiKey.objects.select_for_update().filter(pk__in=keys).order_by("pk")
    return {row.pk: row for row in rows}
