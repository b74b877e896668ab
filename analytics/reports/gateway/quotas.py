"""How much of its quota every key has used."""

from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Literal

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import OMITTED, Count, Credits, Ratio

# null where gateways of different quotas are asked for at once.
GLOBAL = """
select g.quota is not null as is_set,
    gateway_limit(g.quota, 'dailyCallLimit') as daily_call_limit,
    gateway_limit(g.quota, 'monthlyCallLimit') as monthly_call_limit,
    gateway_limit(g.quota, 'dailyCreditLimit') as daily_credit_limit,
    gateway_limit(g.quota, 'monthlyCreditLimit') as monthly_credit_limit
from (
    select case when count(distinct coalesce(gateway_object(c.quota), 'null')) = 1
                then (array_agg(gateway_object(c.quota)))[1] end as quota
    from billing_gatewayconfig c
    where %(sources)s::bigint[] is null or c.source_id = any(%(sources)s)
) g
"""

KEYS = """
with limited as (
    select k.place, k.name, a.quota_daily_calls, a.quota_monthly_calls, a.quota_daily_credits,
        a.quota_monthly_credits, l.daily_calls, l.monthly_calls, l.daily_credits,
        l.monthly_credits,
        case when o.own is not null then 'per-key' when o.common is not null then 'global'
             else 'none' end as source
    from gateway_keys(%(sources)s, %(as_of)s) k
    join billing_apikey a on a.id = k.id
    left join billing_gatewayconfig g on g.source_id = k.source_id
    cross join lateral (
        select gateway_object(a.quota) as own, gateway_object(g.quota) as common
    ) o
    cross join lateral (
        select
            coalesce(gateway_limit(q.quota, 'dailyCallLimit'), 0) as daily_calls,
            coalesce(gateway_limit(q.quota, 'monthlyCallLimit'), 0) as monthly_calls,
            coalesce(gateway_limit(q.quota, 'dailyCreditLimit'), 0) as daily_credits,
            coalesce(gateway_limit(q.quota, 'monthlyCreditLimit'), 0) as monthly_credits
        from (select coalesce(o.own, o.common) as quota) q
    ) l
)
select u.name, u.quota_daily_calls as daily_calls, u.quota_monthly_calls as monthly_calls,
    u.quota_daily_credits as daily_credits, u.quota_monthly_credits as monthly_credits,
    u.daily_calls as daily_call_limit, u.monthly_calls as monthly_call_limit,
    u.daily_credits as daily_credit_limit, u.monthly_credits as monthly_credit_limit,
    u.daily_share as daily_call_utilization, u.monthly_share as monthly_call_utilization, u.source
from (
    select l.*,
        case when l.daily_calls > 0
             then gateway_round(l.quota_daily_calls / l.daily_calls::float8, 4) else 0 end
            as daily_share,
        case when l.monthly_calls > 0
             then gateway_round(l.quota_monthly_calls / l.monthly_calls::float8, 4) else 0 end
            as monthly_share
    from limited l
) u
order by u.daily_share desc, u.place
"""

TOTALS = """
select t.part, t.label, t.calls, t.quota_denied,
    coalesce(gateway_round(t.quota_denied::float8 / nullif(t.calls, 0), 4), 0) as rate
from gateway_sums(%(sources)s, %(start)s, %(end)s, null) t
where t.part in ('all', 'tool')
order by t.part, t.quota_denied desc, t.first
"""

HOURS = """
select gateway_hour(h.hour, %(zone)s) as hour, h.calls, h.quota_denied
from (
    select t.hour, t.calls, t.quota_denied
    from gateway_hours(%(sources)s, %(start)s, %(end)s, null, %(zone)s) t
    order by t.hour desc
    limit 24
) h
order by h.hour
"""

COUNTS = """
select count(*) as total,
    count(coalesce(gateway_object(a.quota), gateway_object(g.quota))) as with_quota
from billing_apikey a
left join billing_gatewayconfig g on g.source_id = a.source_id
where %(sources)s::bigint[] is null or a.source_id = any(%(sources)s)
"""

MOST = 10


@dataclass(frozen=True)
class QuotasGlobal:
    """The quota of keys without one of their own, as stored."""

    is_set: bool
    daily_call_limit: Credits | None
    monthly_call_limit: Credits | None
    daily_credit_limit: Credits | None
    monthly_credit_limit: Credits | None


@dataclass(frozen=True)
class QuotasLimits:
    """Limits of a day and of a month in UTC; 0 is without limit."""

    daily_call_limit: Annotated[Credits | None, OMITTED] = None
    monthly_call_limit: Annotated[Credits | None, OMITTED] = None
    daily_credit_limit: Annotated[Credits | None, OMITTED] = None
    monthly_credit_limit: Annotated[Credits | None, OMITTED] = None


@dataclass(frozen=True)
class QuotasConfig:
    """The quota of keys without one of their own."""

    global_quota: QuotasLimits | None


@dataclass(frozen=True)
class QuotasCounts:
    """Keys, and those with a quota."""

    total: Count
    with_quota: Count


@dataclass(frozen=True)
class QuotasTotal:
    """Calls of a tool, or all calls."""

    part: str
    label: str
    calls: Count
    quota_denied: Count
    rate: Ratio


@dataclass(frozen=True)
class QuotasSummary:
    """All keys and all calls."""

    total_keys: Count
    keys_with_quotas: Count
    total_quota_denials: Count
    quota_denial_rate: Ratio


@dataclass(frozen=True)
class QuotasKey:
    """A key's counters and limits; limits of 0 are none."""

    name: str
    daily_calls: Count
    monthly_calls: Count
    daily_credits: Credits
    monthly_credits: Credits
    daily_call_limit: Credits
    monthly_call_limit: Credits
    daily_credit_limit: Credits
    monthly_credit_limit: Credits
    daily_call_utilization: Ratio
    monthly_call_utilization: Ratio
    source: Literal["per-key", "global", "none"]


@dataclass(frozen=True)
class QuotasTool:
    """Calls of a tool."""

    tool: str
    calls: Count
    quota_denied: Count


@dataclass(frozen=True)
class QuotasHour:
    """Calls of an hour."""

    hour: str
    calls: Count
    quota_denied: Count


@dataclass(frozen=True)
class QuotasConstrained:
    """A key with a limit of calls."""

    name: str
    daily_calls: Count
    daily_call_limit: Credits
    daily_call_utilization: Ratio
    monthly_calls: Count
    monthly_call_limit: Credits
    monthly_call_utilization: Ratio


@dataclass(frozen=True)
class Quotas:
    """Keys by the used share of their daily calls; tools by denials."""

    config: QuotasConfig
    summary: QuotasSummary
    per_key: list[QuotasKey]
    per_tool: list[QuotasTool]
    hourly_trends: list[QuotasHour]
    most_constrained: list[QuotasConstrained]


@report(Family.GATEWAY)
def quotas(params: GatewaySpanParams, snapshot: Snapshot) -> Quotas:
    """Quotas.

    Every key, revoked ones too, with the quota counters of its newest record and its limits: its
    own quota, else the gateway's. And metered calls denied because a quota was exceeded, by tool
    and hour (the last 24 hours that have calls). The gateway resets a key's counters at its next
    call only, so a key that rests shows the numbers of its last day as those of today; quotas of
    groups are left out. Counters are as of the newest record, whatever moment is asked for.
    mostConstrained are the first 10 with a limit of calls. globalQuota is null when there is none
    or when gateways with different ones are asked for at once.
    """
    span = bounds(params.range(snapshot.as_of))
    rows = snapshot.fetch(QuotasTotal, TOTALS, **span)
    keys = snapshot.fetch(QuotasKey, KEYS)
    return Quotas(
        config=QuotasConfig(_global(snapshot.one(QuotasGlobal, GLOBAL))),
        summary=_summary(
            snapshot.one(QuotasCounts, COUNTS), next(r for r in rows if r.part == "all")
        ),
        per_key=keys,
        per_tool=[QuotasTool(r.label, r.calls, r.quota_denied) for r in rows if r.part == "tool"],
        hourly_trends=snapshot.fetch(QuotasHour, HOURS, **span),
        most_constrained=_most_constrained(keys),
    )


def _global(found: QuotasGlobal) -> QuotasLimits | None:
    if not found.is_set:
        return None
    return QuotasLimits(
        found.daily_call_limit,
        found.monthly_call_limit,
        found.daily_credit_limit,
        found.monthly_credit_limit,
    )


def _summary(counts: QuotasCounts, total: QuotasTotal) -> QuotasSummary:
    return QuotasSummary(counts.total, counts.with_quota, total.quota_denied, total.rate)


def _most_constrained(keys: list[QuotasKey]) -> list[QuotasConstrained]:
    limited = (k for k in keys if k.daily_call_limit > 0 or k.monthly_call_limit > 0)
    return [
        QuotasConstrained(
            name=k.name,
            daily_calls=k.daily_calls,
            daily_call_limit=k.daily_call_limit,
            daily_call_utilization=k.daily_call_utilization,
            monthly_calls=k.monthly_calls,
            monthly_call_limit=k.monthly_call_limit,
            monthly_call_utilization=k.monthly_call_utilization,
        )
        for k in islice(limited, MOST)
    ]
