"""Who runs into the rate limit."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Millis, Ratio

# null where gateways of different limits are asked for at once, or none said its limit.
CONFIG = """
select case when count(distinct coalesce(g.rate_limit_per_min, -1)) = 1
            then min(g.rate_limit_per_min) end as global_limit_per_min,
    60000::numeric as window_ms
from billing_gatewayconfig g
where %(sources)s::bigint[] is null or g.source_id = any(%(sources)s)
"""

# A batch is one entry in the gateway's window: calls of a key in one millisecond count once.
# A rank is never below the milliseconds * 2^20, and there is an index on it.
SUMMARY = """
select s.calls as total_calls, s.rate_limited as total_rate_limited,
    coalesce(gateway_round(s.rate_limited::float8 / nullif(s.calls, 0), 4), 0)
        as rate_limit_rate
from gateway_sums(%(sources)s, %(start)s, %(end)s, null) s
where s.part = 'all'
"""

KEYS = """
with windows as (
    select u.key_id, count(distinct u.at) as used
    from billing_usageevent u
    where (%(sources)s::bigint[] is null or u.source_id = any(%(sources)s))
      and u.rank >= floor(extract(epoch from %(as_of)s) * 1000 - 60000)::bigint * 1048576
      and u.at > %(as_of)s - interval '1 minute' and u.at <= %(as_of)s
      and u.allowed and u.deny_reason is distinct from 'refund' and u.key_id is not null
    group by u.key_id
), newest as (
    select k.name, k.id, g.rate_limit_per_min as per_minute
    from billing_apikey k
    left join billing_gatewayconfig g on g.source_id = k.source_id
    where (%(sources)s::bigint[] is null or k.source_id = any(%(sources)s))
      and not exists (
        select from billing_apikey l
        where (%(sources)s::bigint[] is null or l.source_id = any(%(sources)s))
          and l.name = k.name and l.id <> k.id and gateway_is_later(l, k))
)
select s.label as name, s.calls, s.rate_limited,
    case when m.per_minute <= 0 then 0 else coalesce(w.used, 0) end as current_window_used,
    case when m.per_minute > 0 then greatest(m.per_minute - coalesce(w.used, 0), 0) end
        as current_window_remaining
from gateway_sums(%(sources)s, %(start)s, %(end)s, null) s
left join newest n on n.name = s.label
cross join lateral (
    select case when n.id is null then %(limit)s else n.per_minute end as per_minute
) m
left join windows w on w.key_id = n.id
where s.part = 'name'
order by s.calls desc, s.first
"""

TOOLS = """
select s.label as tool, s.calls, s.rate_limited
from gateway_sums(%(sources)s, %(start)s, %(end)s, null) s
where s.part = 'tool'
order by s.rate_limited desc, s.first
"""

THROTTLED = """
select s.label as name, s.rate_limited, s.calls,
    gateway_round(s.rate_limited::float8 / s.calls, 4) as throttle_rate
from gateway_sums(%(sources)s, %(start)s, %(end)s, null) s
where s.part = 'name' and s.rate_limited > 0
order by s.rate_limited desc, s.first
limit 10
"""

HOURS = """
select gateway_hour(h.hour, %(zone)s) as hour, h.calls, h.rate_limited
from (
    select t.hour, t.calls, t.rate_limited
    from gateway_hours(%(sources)s, %(start)s, %(end)s, null, %(zone)s) t
    order by t.hour desc
    limit 24
) h
order by h.hour
"""


@dataclass(frozen=True)
class RateLimitsConfig:
    """What the gateway allows each key; 0 is without limit."""

    global_limit_per_min: Count | None
    window_ms: Millis


@dataclass(frozen=True)
class RateLimitsSummary:
    """All calls."""

    total_calls: Count
    total_rate_limited: Count
    rate_limit_rate: Ratio


@dataclass(frozen=True)
class RateLimitsKey:
    """Calls of a name; the remainder is null without limit."""

    name: str
    calls: Count
    rate_limited: Count
    current_window_used: Count
    current_window_remaining: Count | None


@dataclass(frozen=True)
class RateLimitsTool:
    """Calls of a tool."""

    tool: str
    calls: Count
    rate_limited: Count


@dataclass(frozen=True)
class RateLimitsHour:
    """Calls of an hour."""

    hour: str
    calls: Count
    rate_limited: Count


@dataclass(frozen=True)
class RateLimitsThrottled:
    """A name that was rate limited."""

    name: str
    rate_limited: Count
    calls: Count
    throttle_rate: Ratio


@dataclass(frozen=True)
class RateLimits:
    """Names by calls; tools and the most throttled by rate-limited calls."""

    config: RateLimitsConfig
    summary: RateLimitsSummary
    per_key: list[RateLimitsKey]
    per_tool: list[RateLimitsTool]
    hourly_trends: list[RateLimitsHour]
    most_throttled: list[RateLimitsThrottled]


@report(Family.GATEWAY)
def rate_limits(params: GatewaySpanParams, snapshot: Snapshot) -> RateLimits:
    """Rate limits.

    Metered calls denied because a rate limit, of the key or of a tool, was exceeded: by name, tool
    and hour (the last 24 hours that have calls). The current window is the minute that ends at
    as_of, whatever range is asked for: allowed calls of the key, where calls in the same
    millisecond count once, because the gateway counts a batch once. Of keys of equal name the
    window is that of the last one, although the calls are those of all; names without a key show
    an unused window. Limits of groups and of tools are not taken into account. The remainder is
    null without limit; the limit itself is null when it is unknown or when gateways with
    different limits are asked for at once.
    """
    span = bounds(params.range(snapshot.as_of))
    config = snapshot.one(RateLimitsConfig, CONFIG)
    return RateLimits(
        config=config,
        summary=snapshot.one(RateLimitsSummary, SUMMARY, **span),
        per_key=snapshot.fetch(RateLimitsKey, KEYS, limit=config.global_limit_per_min, **span),
        per_tool=snapshot.fetch(RateLimitsTool, TOOLS, **span),
        hourly_trends=snapshot.fetch(RateLimitsHour, HOURS, **span),
        most_throttled=snapshot.fetch(RateLimitsThrottled, THROTTLED, **span),
    )
