"""What staff should act on."""

from dataclasses import dataclass
from typing import Annotated

from analytics.params import GatewaySpanParams, Parameter
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.reports.gateway._exact import ExactField
from analytics.reports.gateway._free_json import optional_object
from analytics.serializers import JsonObject
from analytics.units import OMITTED, Count

# Credits sent away by each key in the last 24 hours, by the three books that know of it. A
# transfer that both the audit log and the webhook tell of counts once; masks that two keys share
# name neither. What a gateway logs may be anything, its webhook's amounts were checked before.
VELOCITY = r"""
    sent as (
        select a.source_id, a.at, a.metadata::json ->> 'fromKeyMasked' as mask,
            case when a.metadata::json ->> 'credits' ~ '^[0-9]{1,30}(\.[0-9]{1,30})?$'
                 then (a.metadata::json ->> 'credits')::numeric end as credits, 1 as times
        from billing_gatewayauditevent a
        where a.type = 'key.credits_transferred'
          and a.at between %(as_of)s - interval '24 hours' and %(as_of)s
          and a.source_id = any(
              coalesce(%(sources)s::bigint[], array(select id from billing_source)))
    ), told as (
        select g.source_id, g.at, g.key_mask as mask,
            (g.metadata::json ->> 'credits')::numeric as credits, g.times
        from billing_gatewayevent g
        where g.type = 'key.credits_transferred'
          and g.at between %(as_of)s - interval '24 hours' and %(as_of)s
          and g.source_id = any(
              coalesce(%(sources)s::bigint[], array(select id from billing_source)))
    ), debits as (
        select k.id, s.at, s.credits, s.times
        from (
            table sent
            union all
            select t.* from told t
            where not exists (
                select from sent s
                where s.source_id = t.source_id and s.mask = t.mask and s.credits = t.credits
                  and s.at between t.at - interval '2 milliseconds'
                      and t.at + interval '2 milliseconds')
        ) s
        join billing_apikey k on k.source_id = s.source_id and k.mask = s.mask
        where not exists (
            select from billing_apikey o
            where o.source_id = k.source_id and o.mask = k.mask and o.id <> k.id)
        union all
        select e.key_id, e.at, -e.amount, 1
        from billing_creditentry e
        where e.kind = 'transfer_out'
          and e.at between %(as_of)s - interval '24 hours' and %(as_of)s
    ), spans as (
        select id, sum(credits * times)::float8 as credits, sum(times) as n,
            (extract(epoch from max(at) - min(at)) * 1000)::float8 / 3600000 as span,
            (extract(epoch from %(as_of)s - min(at)) * 1000)::float8 / 3600000 as since
        from debits
        where credits is not null
        group by id
    ), speeds as (
        select id, credits / case when n > 1 and span > 0 then span
                                  when n = 1 and since > 0.01 then since else 24 end as per_hour
        from spans
    )
"""

# Calls are a key's by their ten characters, as the gateway finds them; keys that collide share.
CALLS = """
    by_prefix as (
        select source_id, key_prefix, sum(calls) as total,
            coalesce(sum(calls) filter (where not allowed), 0) as denied
        from gateway_usage(%(sources)s, %(start)s, %(end)s)
        group by source_id, key_prefix
    ), by_key as (
        select c.key_id, count(*) as total, count(*) filter (where not c.allowed) as denied
        from gateway_calls(%(sources)s, %(start)s, %(end)s) c
        join billing_apikey b on b.id = c.key_id and b.prefix = ''
        group by c.key_id
    ), lately as (
        -- a batch is one entry of the gateway's window
        select c.key_id, count(distinct c.at) as used
        from gateway_calls(%(sources)s, greatest(%(start)s, %(as_of)s - interval '60 seconds'),
            %(end)s) c
        where c.key_id is not null and c.allowed and c.deny_reason is distinct from 'refund'
          and c.at > %(as_of)s - interval '60 seconds'
        group by c.key_id
    )
"""

KEYS = """
    k as (
        select k.*, trim_scale(k.credits) as balance,
            coalesce(nullif(k.mask, ''), k.prefix || '...') as shown,
            (extract(epoch from k.expires_at - %(as_of)s) * 1000)::float8 / 3600000 as hours,
            case when k.credits > 0 and gateway_round(v.per_hour, 2) > 0 then v.per_hour end
                as per_hour,
            case when k.credits > 0 and gateway_round(v.per_hour, 2) > 0
                 then gateway_round(k.credits::float8 / v.per_hour, 2)::float8 end as hours_left,
            coalesce(p.total, b.total) as total, coalesce(p.denied, b.denied) as denied,
            coalesce(p.denied, b.denied)::float8 / coalesce(p.total, b.total)::float8 as denials,
            coalesce(l.used, 0) as used, nullif(c.rate_limit_per_min, 0) as rate_limit
        from gateway_keys(%(sources)s, %(as_of)s) k
        left join speeds v on v.id = k.id
        left join by_prefix p
            on p.source_id = k.source_id and p.key_prefix = k.prefix and k.prefix <> ''
        left join by_key b on b.key_id = k.id
        left join lately l on l.key_id = k.id
        left join billing_gatewayconfig c on c.source_id = k.source_id
        where k.is_live
    )
"""

FOUND = """
select n.severity, n.category, n.message, k.shown as key, nullif(k.name, '') as key_name,
    n.details::text
from k
cross join lateral (
    select 1 as n, case when hours <= 24 then 'critical' else 'warning' end as severity,
        case when hours <= 0 then 'key_expired' else 'key_expiring_soon' end as category,
        case when hours <= 0 then 'Key has expired'
             when hours <= 24 then format('Key expires within %%s hours', ceil(hours))
             else format('Key expires within %%s days', ceil(hours / 24)) end as message,
        case when hours <= 0 then json_build_object('expiresAt', expires_text)
             when hours <= 24 then json_build_object('expiresAt', expires_text,
                'hoursRemaining', gateway_round(hours, 1))
             else json_build_object('expiresAt', expires_text,
                'daysRemaining', gateway_round(hours / 24, 1)) end as details
    where hours <= 168
    union all
    select 2, 'critical', 'zero_credits', 'Key has zero credits remaining', null
    where balance <= 0
    union all
    select 2, case when hours_left <= 6 then 'critical' else 'warning' end, 'credits_depleting',
        format('Credits will deplete in ~%%s hours at current rate', ceil(hours_left)),
        json_build_object('credits', balance, 'creditsPerHour', gateway_round(per_hour, 2),
            'estimatedHoursRemaining', gateway_round(hours_left, 1))
    where hours_left <= 24
    union all
    select 3, 'info', 'key_suspended', 'Key is suspended', null
    where suspended
    union all
    select 4, case when denials >= 0.5 then 'critical' else 'warning' end, 'high_error_rate',
        format('%%s%%%% error rate (%%s/%%s denied)', gateway_round(denials * 100), denied, total),
        json_build_object('errorRate', gateway_round(denials, 3), 'totalCalls', total,
            'totalDenied', denied)
    where total >= 10 and denials >= 0.25
    union all
    select 5, 'warning', 'rate_limit_pressure',
        format('%%s%%%% rate limit utilization (%%s/%%s)',
            gateway_round(used::float8 / rate_limit * 100), used, rate_limit),
        json_build_object('used', used, 'limit', rate_limit,
            'remaining', greatest(rate_limit - used, 0))
    where rate_limit > 0 and used::float8 / rate_limit >= 0.9
) n
where %(severity)s::text is null or n.severity = %(severity)s::text
order by array_position(array['critical', 'warning', 'info'], n.severity), k.place, n.n
"""

NOTIFICATIONS = f"with {VELOCITY}, {CALLS}, {KEYS} {FOUND}"


@dataclass(frozen=True, kw_only=True)
class NotificationsParams(GatewaySpanParams):
    """Which notifications."""

    severity: Annotated[
        str | None,
        Parameter(ExactField, "Only these: critical, warning or info."),
    ] = None


@dataclass(frozen=True)
class NotificationRow:
    """A notification, its details as JSON text."""

    severity: str
    category: str
    message: str
    key: str
    key_name: str | None
    details: str | None


@dataclass(frozen=True)
class Notification:
    """What is the matter with a key, given by its mask and name."""

    severity: str
    category: str
    message: str
    key: str
    key_name: Annotated[str | None, OMITTED]
    details: Annotated[JsonObject | None, OMITTED]


@dataclass(frozen=True)
class Notifications:
    """Notifications, critical ones first."""

    total: Count
    critical: Count
    warning: Count
    info: Count
    notifications: list[Notification]


@report(Family.GATEWAY)
def notifications(params: NotificationsParams, snapshot: Snapshot) -> Notifications:
    """Notifications.

    For every key that is not revoked, in this order: key_expired (critical); key_expiring_soon
    (within 24 hours critical, within 168 warning); zero_credits (critical); credits_depleting
    (at the pace of its transfers to other keys in the last 24 hours the credits last at most 6
    hours: critical; 24: warning); key_suspended (info); high_error_rate (at least 10 metered
    calls in the window, of which 50 % denied: critical; 25 %: warning); rate_limit_pressure (at
    least 90 % of the allowed calls a minute used in the last 60 seconds, warning). Spending by
    calls does not count for credits_depleting: the gateway never records it in the book it looks
    at, and this report keeps to that; consumer-spend-velocity has the pace of spending. Calls
    belong to keys by the first ten characters, so keys that collide share them. A severity that
    does not exist leaves none. Critical first, then warning and info, each in the order of keys.
    """
    span = bounds(params.range(snapshot.as_of))
    rows = snapshot.fetch(NotificationRow, NOTIFICATIONS, severity=params.severity, **span)
    counts = dict.fromkeys(("critical", "warning", "info"), 0)
    for row in rows:
        counts[row.severity] += 1
    return Notifications(
        total=len(rows),
        critical=counts["critical"],
        warning=counts["warning"],
        info=counts["info"],
        notifications=[_notification(row) for row in rows],
    )


def _notification(row: NotificationRow) -> Notification:
    details = optional_object(row.details)
    return Notification(row.severity, row.category, row.message, row.key, row.key_name, details)
