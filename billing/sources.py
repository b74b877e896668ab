"""A gateway's own admin key as a token of the portal: its scripts change only the host name."""

import logging

from django.db import transaction
from django.db.models.functions import Now

from billing.models import AdminToken, Source
from billing.models.sources import SourceKind
from billing.models.tokens import Role
from billing.tokens import digests, find_any, issue

GATEWAY_TOKEN = "gateway admin key"  # noqa: S105 - the name of a token, not one

log = logging.getLogger(__name__)


@transaction.atomic
def adopt_admin_key(source: Source) -> bool:
    """Make the source's admin key, just written, its viewer's token; those of older keys end.

    Only a gateway's. False when the key is a token of another kind or source already, which it
    then stays.
    """
    key = source.admin_key.strip() if source.kind == SourceKind.PAYGATE else ""
    tokens = AdminToken.objects.filter(source=source, name=GATEWAY_TOKEN)
    older = tokens.exclude(digest__in=digests(key.encode()) if key else [])
    older.filter(revoked_at=None).update(revoked_at=Now())
    return _issue(source, key) if key else True


def _issue(source: Source, key: str) -> bool:
    known = find_any(key.encode())
    if known is None:
        issue(AdminToken(name=GATEWAY_TOKEN, role=Role.VIEWER, source=source), key)
        return True
    if (known.source_id, known.name) != (source.pk, GATEWAY_TOKEN):
        log.warning("the admin key of %s is the token %s already", source, known)
        return False
    AdminToken.objects.filter(pk=known.pk).update(revoked_at=None)
    return True
