"""A recorded gateway, imported: what it answered is what the portal must answer."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from billing.gateway import exports
from billing.models import Source

GOLDEN = Path(__file__).parent / "golden" / "a"
NOW = datetime(2026, 2, 16, 12, 0, 30, tzinfo=UTC)
START = datetime(2026, 1, 5, 8, tzinfo=UTC)


def gateway(slug: str) -> Source:
    """A new gateway as source."""
    return Source.objects.create(slug=slug, kind="paygate")


def import_golden(source: Source, read: Callable[[str], bytes]) -> None:
    """Everything the recorded gateway exported."""
    exports.import_backup(source, read("backup.json"))
    exports.import_usage(source, read("usage.json"))
    exports.import_requests(source, read("requests.json"))
    for name in ("audit-1.json", "audit-2.json"):
        exports.import_audit(source, read(name))
    exports.import_groups(source, read("groups.json"), NOW)
    import_settings(source, read)


def import_settings(source: Source, read: Callable[[str], bytes]) -> None:
    """What the recorded gateway said of itself."""
    for name in ("pricing.json", "info.json", "started.json"):
        exports.import_config(source, read(name))


def recorded(name: str) -> bytes:
    """A recorded file."""
    return (GOLDEN / name).read_bytes()


def said(folder: str, name: str) -> Any:
    """A recorded answer."""
    return json.loads(recorded(f"{folder}/{name}.json"))


@pytest.fixture(scope="module")
def golden(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The slug of the recorded gateway; gone again after the module."""
    with django_db_blocker.unblock(), transaction.atomic():
        import_golden(gateway("golden"), recorded)
        with connection.cursor() as cursor:
            cursor.execute("analyze")
        yield "golden"
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def untouched(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The slug of a gateway that has settings and the audit event of its first export."""
    with django_db_blocker.unblock(), transaction.atomic():
        source = gateway("untouched")
        import_settings(source, recorded)
        event = {
            "id": 1,
            "timestamp": "2026-01-05T08:00:00.000Z",
            "type": "config.export",
            "actor": "admin",
            "message": "Compliance report exported: soc2 (json)",
            "metadata": {"framework": "soc2", "format": "json", "events": 0},
        }
        exports.import_audit(source, json.dumps({"events": [event]}).encode())
        yield "untouched"
        transaction.set_rollback(True)
