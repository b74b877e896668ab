"""What happened to one key and what it called, newest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from rest_framework import serializers

from analytics.params import Parameter
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.reports.gateway._free_json import free_object
from analytics.reports.gateway._one_key import OneKeySpanParams, named_key
from analytics.serializers import JsonObject
from analytics.units import Count, IsoMs

# The gateway's books know a key by its mask: entries of a mask that keys share are no one's.
LOGGED = """
    select a.at, a.audit_id, a.type, a.message, a.metadata
    from billing_gatewayauditevent a
    where a.source_id = %(source)s
      and (a.actor = %(mask)s or strpos(a.metadata, '"' || %(mask)s || '"') > 0)
      and (%(start)s::timestamptz is null or a.at >= %(start)s) and a.at < %(end)s
      and not exists (
        select from billing_apikey o
        where o.source_id = %(source)s and o.mask = %(mask)s and o.id <> %(key)s)
"""
CALLED = """
    select u.at, u.rank, u.tool, u.credits, u.allowed, u.deny_reason
    from billing_usageevent u
    where u.key_id = %(key)s and (%(start)s::timestamptz is null or u.at >= %(start)s)
      and u.at < %(end)s
"""

EVENTS = f"""
select e.at as timestamp, e.source, e.type, e.message, e.metadata
from (
    (
        select l.at, 1 as book, -l.audit_id as place, 'audit' as source, l.type::text as type,
            l.message, l.metadata
        from ({LOGGED}) l
        order by l.at desc, l.audit_id desc
        limit %(limit)s
    )
    union all
    (
        select c.at, 2, c.rank, 'usage',
            case when c.allowed then 'tool.call' else 'tool.denied' end,
            case when c.allowed
                 then format('Called %%s (%%s credits)', c.tool, trim_scale(c.credits))
                 else format('Denied %%s: %%s', c.tool,
                     coalesce(nullif(c.deny_reason, ''), 'unknown')) end,
            json_strip_nulls(json_build_object('tool', c.tool,
                'creditsCharged', trim_scale(c.credits), 'allowed', c.allowed,
                'denyReason', c.deny_reason))::text
        from ({CALLED}) c
        order by c.at desc, c.rank
        limit %(limit)s
    )
) e
order by e.at desc, e.book, e.place
limit %(limit)s
"""  # noqa: S608 - composed of constants

COUNT = f"""
select (select count(*) from ({LOGGED}) l) + (select count(*) from ({CALLED}) c) as total
"""  # noqa: S608 - composed of constants
MOST = 200


@dataclass(frozen=True, kw_only=True)
class KeysActivityParams(OneKeySpanParams):
    """Of one key, so many events."""

    limit: Annotated[
        int,
        Parameter(
            lambda **options: serializers.IntegerField(min_value=1, max_value=MOST, **options),
            f"Events at most, 1 to {MOST}.",
        ),
    ] = 50


@dataclass(frozen=True)
class KeysActivityRow:
    """An event with its metadata as JSON text."""

    timestamp: datetime
    source: Literal["audit", "usage"]
    type: str
    message: str
    metadata: str


@dataclass(frozen=True)
class KeysActivityCount:
    """How many events."""

    total: Count


@dataclass(frozen=True)
class KeysActivityEvent:
    """An entry of the audit log, or a call."""

    timestamp: IsoMs
    source: Literal["audit", "usage"]
    type: str
    message: str
    metadata: JsonObject


@dataclass(frozen=True)
class KeysActivity:
    """A key, by its mask, and its newest events."""

    key: str | None
    name: str | None
    total: Count
    limit: Count
    events: list[KeysActivityEvent]


@report(Family.GATEWAY)
def keys_activity(params: KeysActivityParams, snapshot: Snapshot) -> KeysActivity:
    """Activity of a key.

    One timeline of the key named by `key` in the window, newest first: entries of the gateway's
    audit log that the key caused or that name it anywhere (as the old or new key of a rotation or
    as either end of a transfer too, which the gateway's own timeline misses), and its metered
    calls (which the gateway means to show and never does). total counts all, of which `limit` are
    shown. Entries of a mask that several keys share are left out. What only the webhook told is
    not part of it. Without `key` the answer is of no key. Default window: all time.
    """
    found = named_key(snapshot, params.key)
    span = {
        "key": found.id,
        "source": found.source_id,
        "mask": found.mask or None,
        **bounds(params.range(snapshot.as_of)),
    }
    rows = snapshot.fetch(KeysActivityRow, EVENTS, limit=params.limit, **span)
    return KeysActivity(
        key=found.mask,
        name=found.name,
        total=snapshot.one(KeysActivityCount, COUNT, **span).total,
        limit=params.limit,
        events=[
            KeysActivityEvent(
                row.timestamp, row.source, row.type, row.message, free_object(row.metadata)
            )
            for row in rows
        ],
    )
