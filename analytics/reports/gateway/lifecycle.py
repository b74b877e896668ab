"""How keys come, go and fare."""

from dataclasses import dataclass
from typing import Annotated

from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.reports.gateway._moments import AuditSpanParams
from analytics.units import OMITTED, Count, Number

TYPES = [
    f"key.{what}" for what in ("created", "revoked", "suspended", "resumed", "rotated", "cloned")
]

# The newest 1,000 of each type. A source whose audit log never came has its webhook's events.
EVENTS = """
with logged as (
    select type, at
    from (
        select type, at, row_number() over (partition by type order by at desc) as newest
        from (
            select a.type, a.at
            from billing_gatewayauditevent a
            where a.type = any(%(types)s)
              and a.source_id = any(
                  coalesce(%(sources)s::bigint[], array(select id from billing_source)))
            union all
            select g.type, g.at
            from billing_gatewayevent g
            cross join generate_series(1, g.times)
            where g.type = any(%(types)s) and g.key_mask || g.other_mask <> ''
              and g.source_id = any(
                  coalesce(%(sources)s::bigint[], array(select id from billing_source)))
              and not exists (
                  select from billing_gatewayauditevent a where a.source_id = g.source_id)
        ) known
        where at between %(since)s and %(until)s
    ) k
    where newest <= 1000
), counted as (
    select grouping(day) = 1 as is_total, to_char(day, 'YYYY-MM-DD') as date,
        count(*) filter (where type = 'key.created') as created,
        count(*) filter (where type = 'key.revoked') as revoked,
        count(*) filter (where type = 'key.suspended') as suspended,
        count(*) filter (where type = 'key.resumed') as resumed,
        count(*) filter (where type = 'key.rotated') as rotated,
        count(*) filter (where type = 'key.cloned') as cloned
    from (select type, date_trunc('day', at at time zone %(zone)s) as day from logged) l
    group by grouping sets ((), (day))
)
select is_total, coalesce(date, '') as date, created, revoked, suspended, resumed, rotated, cloned
from counted
where is_total or created + revoked + suspended + resumed > 0
order by is_total desc, date
"""

LIFETIME = """
select gateway_round(sum(extract(epoch from until - created_at) * 1000)::float8
    / count(*) / 3600000, 1) as hours
from (
    select created_at, least(expires_at, %(as_of)s) as until
    from gateway_keys(%(sources)s, %(as_of)s)
    where not active
) k
where until > created_at
"""

AT_RISK = """
with k as (
    select place, coalesce(nullif(mask, ''), prefix || '...') as key, nullif(name, '') as name,
        credits, is_expired, expires_text,
        (extract(epoch from expires_at - %(as_of)s) * 1000)::float8 / 86400000 as days
    from gateway_keys(%(sources)s, %(as_of)s)
    where is_act
)
select key, name, risk, credits, expires_text as expires_at, days as days_remaining
from (
    select place, 1 as n, key, name, 'zero_credits' as risk, 0::numeric as credits,
        null as expires_text, null::numeric as days
    from k where credits <= 0
    union all
    select place, 2, key, name, 'expired', null, expires_text, null from k where is_expired
    union all
    select place, 2, key, name, 'expiring_soon', null, expires_text, gateway_round(days, 1)
    from k where not is_expired and days <= 7
) r
order by place, n
"""


@dataclass(frozen=True)
class LifecycleRow:
    """Events of a day, or of all days."""

    is_total: bool
    date: str
    created: int
    revoked: int
    suspended: int
    resumed: int
    rotated: int
    cloned: int


@dataclass(frozen=True)
class LifecycleLifetime:
    """How long keys that are gone have lived."""

    hours: Number | None


@dataclass(frozen=True)
class LifecycleRiskRow:
    """A key and what threatens it."""

    key: str
    name: str | None
    risk: str
    credits: Number | None
    expires_at: str | None
    days_remaining: Number | None


@dataclass(frozen=True)
class LifecycleEvents:
    """Events by type, each at most 1,000."""

    created: Count
    revoked: Count
    suspended: Count
    resumed: Count
    rotated: Count
    cloned: Count


@dataclass(frozen=True)
class LifecycleDay:
    """Events of a day."""

    date: str
    created: Count
    revoked: Count
    suspended: Count
    resumed: Count


@dataclass(frozen=True)
class LifecycleRiskDetails:
    """Only what fits the risk; expiresAt as the gateway's caller wrote it."""

    credits: Annotated[Number | None, OMITTED] = None
    expires_at: Annotated[str | None, OMITTED] = None
    days_remaining: Annotated[Number | None, OMITTED] = None


@dataclass(frozen=True)
class LifecycleRisk:
    """A key by its mask, and what threatens it."""

    key: str
    name: Annotated[str | None, OMITTED]
    risk: str
    details: LifecycleRiskDetails


@dataclass(frozen=True)
class Lifecycle:
    """How keys come, go and fare."""

    events: LifecycleEvents
    trends: list[LifecycleDay]
    average_lifetime_hours: Number | None
    at_risk: list[LifecycleRisk]


@report(Family.GATEWAY)
def lifecycle(params: AuditSpanParams, snapshot: Snapshot) -> Lifecycle:
    """Lifecycle of keys.

    Entries of the audit log from since to until (both included; text that is no date leaves
    none): events by type and trends by day. The gateway's log never shows more than 1,000 entries
    of a type, so each count stops there, at the newest, and so do the days. A source whose audit
    log was never received is counted by its webhook's events. averageLifetimeHours is over all
    keys that are no longer active, from creation to expiry or to now, whichever is earlier, not
    to their revocation: it grows with time; null without such keys. atRisk lists keys that are
    active and not suspended with no credits (zero_credits), or expired, or expiring within 7
    days, in the gateway's order of keys; a key may be in it twice.
    """
    span = params.span(snapshot.as_of)
    rows = snapshot.fetch(LifecycleRow, EVENTS, since=span.since, until=span.until, types=TYPES)
    (total,) = (row for row in rows if row.is_total)
    return Lifecycle(
        events=LifecycleEvents(
            total.created,
            total.revoked,
            total.suspended,
            total.resumed,
            total.rotated,
            total.cloned,
        ),
        trends=[
            LifecycleDay(row.date, row.created, row.revoked, row.suspended, row.resumed)
            for row in rows
            if not row.is_total
        ],
        average_lifetime_hours=snapshot.one(LifecycleLifetime, LIFETIME).hours,
        at_risk=[_risk(row) for row in snapshot.fetch(LifecycleRiskRow, AT_RISK)],
    )


def _risk(row: LifecycleRiskRow) -> LifecycleRisk:
    details = LifecycleRiskDetails(row.credits, row.expires_at, row.days_remaining)
    return LifecycleRisk(row.key, row.name, row.risk, details)
