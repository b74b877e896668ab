"""Keys issued by the portal itself."""

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction

from billing.gateway.redact import redacted
from billing.keys.ledger import Line, add_line
from billing.keys.secrets import new_secret, traces
from billing.keys.values import now_ms
from billing.models import ApiKey, Source
from billing.models.keys import CreditKind


@dataclass(frozen=True)
class Issued:
    """A new key, with the secret that is shown once."""

    key: ApiKey
    secret: str


def issue_key(source: Source, actor: str, credits: Decimal, **fields: Any) -> Issued:
    """Make a key with `credits` as its first ledger line. Other fields are those of ApiKey."""
    secret = new_secret()
    with transaction.atomic():
        key = ApiKey.objects.create(
            source=source,
            is_issued_here=True,
            created_at=now_ms(),
            **asdict(traces(secret)),
            **redacted(fields),
        )
        if credits:
            add_line(key.pk, Line(CreditKind.GRANT, credits, actor, "issued"))
    key.refresh_from_db()
    return Issued(key, secret)
