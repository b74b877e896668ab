"""Whether the trail is as it was written."""

from dataclasses import dataclass

from django.db import connection

# Entries that do not follow the one before, or whose hash is not that of what they say.
BROKEN = """
select e.id,
    case when e.id <> coalesce(e.id_before, 0) + 1 then 'entries are missing before it'
         when e.previous <> coalesce(e.hash_before, '') then 'the entry before it was changed'
         else 'it was changed' end as what
from (
    select a.*, lag(a.id) over w as id_before, lag(a.hash) over w as hash_before
    from audit_auditentry a
    window w as (order by a.id)
) e
where e.id <> coalesce(e.id_before, 0) + 1 or e.previous <> coalesce(e.hash_before, '')
   or e.hash <> audit_hash(e.previous, e.id, e.at, e.actor, e.action, e.object_type, e.object_id,
        e.reason, e.request_id, e.before, e.after)
order by e.id
limit 20
"""
HEAD = "select id, encode(hash, 'hex') from audit_auditentry order by id desc limit 1"
AT = "select encode(hash, 'hex') from audit_auditentry where id = %s"


@dataclass(frozen=True)
class Break:
    """An entry at which the chain is broken."""

    entry: int
    what: str


def breaks() -> list[Break]:
    """The first 20 places where the trail is not as it was written."""
    with connection.cursor() as cursor:
        cursor.execute(BROKEN)
        return [Break(*row) for row in cursor.fetchall()]


def head() -> tuple[int, str]:
    """The newest entry's number and hash; 0 and nothing for an empty trail."""
    with connection.cursor() as cursor:
        cursor.execute(HEAD)
        return cursor.fetchone() or (0, "")


def is_at(entry: int, digest: str) -> bool:
    """Whether the entry of this number still has the hash that was noted of it."""
    with connection.cursor() as cursor:
        cursor.execute(AT, [entry])
        return bool(cursor.fetchone() == (digest.lower(),))
