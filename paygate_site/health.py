"""Is the process alive, and is it ready to answer?"""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse
from kombu import Connection
from kombu.exceptions import OperationalError as BrokerError

from billing.api.renderers import exact_json

BROKER_TIMEOUT_SECONDS = 2
OLDEST_MARK = """
select coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0) from analytics_stalemark
"""


class NotReady(Exception):
    """Why a check does not pass."""


def livez(request: HttpRequest) -> HttpResponse:
    """200 while the process answers at all; no I/O."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """200 with every check, or 503 when one does not pass."""
    checks = {name: _result(check) for name, check in CHECKS.items()}
    is_ready = all(check["ok"] for check in checks.values())
    body = exact_json({"ready": is_ready, "checks": checks})
    status = 200 if is_ready else 503
    response = HttpResponse(body, status=status, content_type="application/json")
    response["Cache-Control"] = "no-store"
    return response


def _result(check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return {"ok": True, **check()}
    except NotReady as error:
        return {"ok": False, "detail": str(error)}
    except DatabaseError:  # its text may hold addresses; the log has it
        return {"ok": False, "detail": "The database does not answer."}


def _database() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("select 1")
    return {}


def _migrations() -> dict[str, Any]:
    applied = set(MigrationRecorder(connection).applied_migrations())
    missing = sorted(".".join(key) for key in _known_migrations() - applied)
    if missing:
        raise NotReady(f"Not applied: {', '.join(missing)}.")
    return {}


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    """What the code of this process expects; reading it from disk once is enough."""
    return frozenset(MigrationLoader(None).disk_migrations)


def _broker() -> dict[str, Any]:
    broker = Connection(
        settings.BROKER_URL,
        connect_timeout=BROKER_TIMEOUT_SECONDS,
        transport_options={"socket_connect_timeout": BROKER_TIMEOUT_SECONDS},
    )
    try:
        with broker:
            broker.ensure_connection(max_retries=1, timeout=BROKER_TIMEOUT_SECONDS)
    except (BrokerError, OSError) as error:
        raise NotReady("The broker does not answer.") from error
    return {}


def _stale_marks() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(OLDEST_MARK)
        age = round(float(cursor.fetchone()[0]), 3)
    limit = settings.PAYGATE_MAX_MARK_AGE_SECONDS
    if age > limit:
        raise NotReady(f"The oldest stale mark is {age} s old; {limit} s is the limit.")
    return {"oldest_seconds": age}


CHECKS: dict[str, Callable[[], dict[str, Any]]] = {
    "database": _database,
    "migrations": _migrations,
    "broker": _broker,
    "stale_marks": _stale_marks,
}
