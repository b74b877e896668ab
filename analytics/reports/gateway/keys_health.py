"""How one key is doing: its balance, its quota, its rate limit, its errors."""

from dataclasses import dataclass
from decimal import Decimal
from math import floor, inf
from typing import Annotated, Literal

from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.reports.gateway._one_key import NamedKey, OneKeySpanParams, named_key
from analytics.units import OMITTED, Count, Ratio

# Shares and hours in doubles, null where there is no limit or nothing to divide by. The pace is
# that of a day at most and of an hour at least, so that one call of a new key is no stampede.
STATE = """
select extract(epoch from k.expires_at - %(as_of)s)::float8 / 3600 as hours_to_expiry,
    case when p.per_hour > 0 then greatest(k.credits, 0)::float8 / p.per_hour end as hours_left,
    greatest(
        d.calls / nullif(gateway_limit(q.quota, 'dailyCallLimit'), 0)::float8,
        m.calls / nullif(gateway_limit(q.quota, 'monthlyCallLimit'), 0)::float8,
        d.credits::float8 / nullif(gateway_limit(q.quota, 'dailyCreditLimit'), 0)::float8,
        m.credits::float8 / nullif(gateway_limit(q.quota, 'monthlyCreditLimit'), 0)::float8
    ) as quota_used,
    (
        select count(distinct u.at) from billing_usageevent u
        where u.key_id = k.id and u.at > %(as_of)s - interval '1 minute' and u.at <= %(as_of)s
          and u.allowed and u.deny_reason is distinct from 'refund'
    ) / nullif(g.rate_limit_per_min, 0)::float8 as rate_used,
    c.denied
from billing_apikey k
left join billing_gatewayconfig g on g.source_id = k.source_id
cross join lateral (
    select coalesce(gateway_object(k.quota), gateway_object(g.quota)) as quota,
        to_char(%(as_of)s at time zone 'UTC', 'YYYY-MM-DD') as day
) q
cross join lateral (
    select case when k.quota_day = q.day then k.quota_daily_calls else 0 end as calls,
        case when k.quota_day = q.day then k.quota_daily_credits else 0 end as credits
) d
cross join lateral (
    select case when k.quota_month = left(q.day, 7) then k.quota_monthly_calls else 0 end as calls,
        case when k.quota_month = left(q.day, 7) then k.quota_monthly_credits else 0 end as credits
) m
cross join lateral (
    select coalesce(sum(u.credits), 0)::float8 / least(24, greatest(1, coalesce(
            extract(epoch from %(as_of)s - k.created_at)::float8 / 3600, 24))) as per_hour
    from billing_usageevent u
    where u.key_id = k.id and u.allowed
      and u.at > %(as_of)s - interval '24 hours' and u.at <= %(as_of)s
) p
cross join lateral (
    select count(*) filter (where not u.allowed)::float8 / nullif(count(*), 0) as denied
    from billing_usageevent u
    where u.key_id = k.id and (%(start)s::timestamptz is null or u.at >= %(start)s)
      and u.at < %(end)s
) c
where k.id = %(key)s
"""

Risk = Literal["healthy", "good", "caution", "warning", "critical"]
Marks = tuple[tuple[float, Risk], ...]
# Hours that the balance lasts at most, with the score.
Lasting = tuple[float, int, Risk]
LASTS: tuple[Lasting, ...] = (
    (1, 0, "critical"),
    (6, 20, "critical"),
    (24, 40, "warning"),
    (72, 60, "caution"),
    (168, 80, "good"),
)
AT_EASE: Lasting = (inf, 100, "healthy")
USED: Marks = ((1, "critical"), (0.9, "warning"), (0.75, "caution"), (0.5, "good"))
DENIED: Marks = ((0.5, "critical"), (0.25, "warning"), (0.1, "caution"))
OVERALL: tuple[tuple[int, Risk], ...] = (
    (25, "critical"),
    (50, "warning"),
    (75, "caution"),
    (90, "good"),
)
BALANCE, QUOTA, RATE, ERRORS = 0.30, 0.25, 0.20, 0.25  # weights
A_DAY, A_WEEK = 24, 168  # hours


@dataclass(frozen=True)
class KeysHealthState:
    """What the scores are made of."""

    hours_to_expiry: float | None
    hours_left: float | None
    quota_used: float | None
    rate_used: float | None
    denied: float | None


@dataclass(frozen=True)
class KeysHealthComponent:
    """One side of a key: 100 is best."""

    score: Count
    risk: Risk
    weight: Ratio


@dataclass(frozen=True)
class KeysHealthComponents:
    """All sides of a key."""

    balance: KeysHealthComponent
    quota: KeysHealthComponent
    rate_limit: KeysHealthComponent
    error_rate: KeysHealthComponent


@dataclass(frozen=True)
class KeysHealth:
    """A key, how it is, and why."""

    key: str | None
    name: str | None
    score: Count | None = None
    status: Risk | None = None
    issues: Annotated[list[str] | None, OMITTED] = None
    components: KeysHealthComponents | None = None


@report(Family.GATEWAY)
def keys_health(params: OneKeySpanParams, snapshot: Snapshot) -> KeysHealth:
    """Health of a key.

    The key named by `key`, from 0 to 100: the weighted mean of its balance, quota, rate limit and
    errors, below 25 critical, 50 warning, 75 caution, 90 good. balance: how long the credits last
    at the pace of its calls in the last 24 hours: up to 1 hour 0, 6 hours 20, 24 hours 40, 72
    hours 60, 168 hours 80, else 100; 0 without credits. The gateway looks at transfers there,
    since its ledger forgets calls. quota: the unused part of the most used limit, by the counters
    of the key's newest record where they are of this day or month in UTC. rateLimit: the unused
    part of the calls a minute. errorRate: the share of its calls in the window that was allowed.
    issues names what needs attention and is left out when nothing does. Without `key` the answer
    is of no key. Default window: all time.
    """
    found = named_key(snapshot, params.key)
    if found.id is None:
        return KeysHealth(None, None)
    span = bounds(params.range(snapshot.as_of))
    state = snapshot.one(KeysHealthState, STATE, key=found.id, **span)
    parts = KeysHealthComponents(
        balance=_balance(state.hours_left, is_empty=(found.credits or 0) <= 0),
        quota=_unused(state.quota_used, USED, QUOTA),
        rate_limit=_unused(state.rate_used, USED, RATE),
        error_rate=_errors(state.denied),
    )
    score = _score(parts)
    return KeysHealth(
        key=found.key,
        name=found.name,
        score=score,
        status=next((risk for below, risk in OVERALL if score < below), "healthy"),
        issues=_issues(found, state, parts.balance.risk) or None,
        components=parts,
    )


def _balance(hours: float | None, *, is_empty: bool) -> KeysHealthComponent:
    lasts = 0.0 if is_empty else hours
    marks = (mark for mark in LASTS if lasts is not None and lasts <= mark[0])
    _, score, risk = next(marks, AT_EASE)
    return KeysHealthComponent(score, risk, _weight(BALANCE))


def _unused(share: float | None, marks: Marks, weight: float) -> KeysHealthComponent:
    used = share or 0.0
    score = max(0, floor((1 - used) * 100 + 0.5))
    risk: Risk = next((risk for least, risk in marks if used >= least), "healthy")
    return KeysHealthComponent(score, risk, _weight(weight))


def _errors(share: float | None) -> KeysHealthComponent:
    part = _unused(share, DENIED, ERRORS)
    is_slight = bool(share) and part.risk == "healthy"
    return KeysHealthComponent(part.score, "good", part.weight) if is_slight else part


def _weight(weight: float) -> Decimal:
    return Decimal(str(weight))


def _score(parts: KeysHealthComponents) -> int:
    """In doubles, in this order: so halves round as the gateway rounds them."""
    return floor(
        parts.balance.score * BALANCE
        + parts.quota.score * QUOTA
        + parts.rate_limit.score * RATE
        + parts.error_rate.score * ERRORS
        + 0.5
    )


def _issues(key: NamedKey, state: KeysHealthState, balance: Risk) -> list[str]:
    hours = state.hours_to_expiry
    seen = {
        "Key is revoked": not key.active,
        "Key is suspended": key.suspended,
        "Key has expired": hours is not None and hours <= 0,
        "Key expires within 24 hours": hours is not None and 0 < hours <= A_DAY,
        "Key expires within 7 days": hours is not None and A_DAY < hours <= A_WEEK,
        "Zero credits remaining": (key.credits or 0) <= 0,
        "Credits depleting rapidly": balance == "critical",
    }
    return [issue for issue, is_so in seen.items() if is_so]
