"""What one key called, when, and what was refused."""

from dataclasses import dataclass
from typing import Annotated

from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.reports.gateway._one_key import OneKeySpanParams, named_key
from analytics.units import OMITTED, Count, Credits, IsoMs, iso_ms

# Of one key, found by its number: nothing is rolled up that far. part: 7 is all calls, 3 those of
# a tool, 5 those denied for a reason, 6 those of an hour.
PARTS = """
select p.part, p.label, p.calls, p.credits, p.denied
from (
    select grouping(c.tool, c.reason, c.hour) as part, coalesce(c.tool, c.reason, c.hour, '')
            as label,
        count(*) as calls, coalesce(sum(c.credits) filter (where c.allowed), 0) as credits,
        count(*) filter (where not c.allowed) as denied, min(c.rank) as first
    from (
        select u.tool, case when not u.allowed then nullif(u.deny_reason, '') end as reason,
            gateway_hour(u.at, %(zone)s) || ':00:00' as hour, u.credits, u.allowed, u.rank
        from billing_usageevent u
        where u.key_id = %(key)s and (%(start)s::timestamptz is null or u.at >= %(start)s)
          and u.at < %(end)s
    ) c
    group by grouping sets ((), (c.tool), (c.reason), (c.hour))
    having grouping(c.reason) = 1 or c.reason is not null
) p
order by p.part, gateway_member(p.label) nulls last, p.first
"""

RECENT = """
select u.at as timestamp, u.tool, u.credits as credits_charged, u.allowed,
    nullif(u.deny_reason, '') as deny_reason
from billing_usageevent u
where u.key_id = %(key)s and (%(start)s::timestamptz is null or u.at >= %(start)s)
  and u.at < %(end)s
order by u.at desc, u.rank desc
limit 50
"""
ALL, TOOL, REASON, HOUR = 7, 3, 5, 6


@dataclass(frozen=True)
class KeysUsagePart:
    """Calls of a tool, an hour or a reason, or all calls of the key."""

    part: int
    label: str
    calls: Count
    credits: Credits
    denied: Count


@dataclass(frozen=True)
class KeysUsageTool:
    """Calls of a tool."""

    calls: Count
    credits: Credits
    denied: Count


@dataclass(frozen=True)
class KeysUsageHour:
    """Calls of an hour."""

    hour: str
    calls: Count
    credits: Credits
    denied: Count


@dataclass(frozen=True)
class KeysUsageEvent:
    """A call."""

    timestamp: IsoMs
    tool: str
    credits_charged: Credits
    allowed: bool
    deny_reason: Annotated[str | None, OMITTED] = None


@dataclass(frozen=True)
class KeysUsage:
    """A key and its calls."""

    key: str | None
    name: str | None
    credits: Credits | None
    active: bool | None
    suspended: bool | None
    since: str
    total_calls: Count
    total_allowed: Count
    total_denied: Count
    total_credits_spent: Credits
    per_tool: dict[str, KeysUsageTool]
    deny_reasons: dict[str, Count]
    time_series: list[KeysUsageHour]
    recent_events: list[KeysUsageEvent]


@report(Family.GATEWAY)
def keys_usage(params: OneKeySpanParams, snapshot: Snapshot) -> KeysUsage:
    """Usage of a key.

    The metered calls of the key named by `key` in the window: by tool and by reason of denial, in
    order of appearance, by hour, and the newest 50. credits are what the key holds now; since is
    `all` or the beginning of the window. Calls that carry the first characters of two keys belong
    to neither, where the gateway gives them to both. Without `key` the answer is of no key.
    Default window: all time.
    """
    found = named_key(snapshot, params.key)
    window = params.range(snapshot.as_of)
    span = {"key": found.id, **bounds(window)}
    rows = snapshot.fetch(KeysUsagePart, PARTS, **span)
    (every,) = (row for row in rows if row.part == ALL)
    return KeysUsage(
        key=found.key,
        name=found.name,
        credits=found.credits,
        active=found.active,
        suspended=found.suspended,
        since=iso_ms(window.start) if window.start else "all",
        total_calls=every.calls,
        total_allowed=every.calls - every.denied,
        total_denied=every.denied,
        total_credits_spent=every.credits,
        per_tool={
            row.label: KeysUsageTool(row.calls, row.credits, row.denied)
            for row in rows
            if row.part == TOOL
        },
        deny_reasons={row.label: row.calls for row in rows if row.part == REASON},
        time_series=[
            KeysUsageHour(row.label, row.calls, row.credits, row.denied)
            for row in rows
            if row.part == HOUR
        ],
        recent_events=snapshot.fetch(KeysUsageEvent, RECENT, **span),
    )
