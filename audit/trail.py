"""Who is acting, told to the database with every statement that changes an audited record."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from getpass import getuser
from pathlib import Path
from typing import Any

import structlog
from django.db import connection, transaction

Actor = str | Callable[[], str]

_actor: ContextVar[Actor | None] = ContextVar("audit_actor", default=None)
_reason: ContextVar[str] = ContextVar("audit_reason", default="")

ANONYMOUS = "anonymous"

# Statements that may change records people are asked about; all others pass untouched. What ingest
# finds out by itself (networks, assets, what it rejects) it writes without quoting names.
CHANGES = re.compile(
    r"\s*(?:insert\s+into|update|delete\s+from)\s+(?:"
    r"\"?(?:auth_\w+|otp_\w+|notify_\w+|billing_(?:admintoken|source|nativeprice|gatewayconfig"
    r"|toolprice|keygroup|keyaction)\b)"
    r"|\"billing_(?:network|asset|rejectedevent)\")",
    re.IGNORECASE,
)
TELL = (
    "select set_config('audit.actor', %s, true), set_config('audit.reason', %s, true),"
    " set_config('audit.request_id', %s, true)"
)
REFUSED = "select audit_append('refused', %s, %s, null, null)"


def act_as(actor: Actor) -> None:
    """Name who acts from here on in this context: `user:`, `token:`, `task:` and the name.

    A callable is asked when something is written, and not at all otherwise.
    """
    _actor.set(actor)
    _reason.set("")


def is_known() -> bool:
    """Whether somebody with a name acts in this context."""
    return _named() not in ("", ANONYMOUS)


def because(reason: str) -> None:
    """Why whatever is written next in this context is done."""
    _reason.set(reason)


@contextmanager
def acting(actor: str, reason: str = "") -> Iterator[None]:
    """For as long as the block lasts."""
    tokens = _actor.set(actor), _reason.set(reason)
    try:
        yield
    finally:
        _actor.reset(tokens[0])
        _reason.reset(tokens[1])


def refused(method: str, path: str) -> None:
    """Record that the actor was not let do what it tried."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(TELL, _told())
        cursor.execute(REFUSED, [method, path])


def attributed(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """A database execute wrapper: tells the transaction who acts before a change is made in it."""
    if not isinstance(sql, str) or not CHANGES.match(sql):
        return execute(sql, params, many, context)
    with transaction.atomic(using=context["connection"].alias):
        with context["connection"].cursor() as cursor:
            cursor.execute(TELL, _told())
        return execute(sql, params, many, context)


def _told() -> list[str]:
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    return [_named() or _process(), _reason.get(), str(request_id)]


def _named() -> str:
    actor = _actor.get() or ""
    return actor() if callable(actor) else actor


def _process() -> str:
    """Whoever started this process, where neither a request nor a task is known."""
    if Path(sys.argv[0]).name == "manage.py" and len(sys.argv) > 1:
        return f"command:{sys.argv[1]} by {getuser()}"
    return f"process:{Path(sys.argv[0]).name} of {getuser()}"
