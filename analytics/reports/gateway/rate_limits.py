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
TOTALS = """
with windows as (
    select u.key_id, count(distinct u.at) as used
    from billing_usageevent u
    where (%(sources)s::bigint[] is null or u.source_id = any(%(sources)s))
      and u.rank >= floor(extract(epoch from %(as_of)s) * 1000 - 60000)::bigint * 1048576
      and u.at > %(as_of)s - interval '1 minute' and u.at <= %(as_of)s
      and u.allowed and u.deny_reason is distinct from 'refund' and u.key_id is not null
    group by u.key_id
), keys as (
    select distinct on (k.name) k.name, k.id, g.rate_limit_per_min as per_minute
    from gateway_keys(%(sources)s, %(as_of)s) k
    left join billing_gatewayconfig g on g.source_id = k.source_id
    order by k.name, k.place desc
)
select s.part, s.label, s.calls, s.rate_limited, s.rate,
    case when s.per_minute <= 0 then 0 else coalesce(w.used, 0) end as used,
    case when s.per_minute > 0 then greatest(s.per_minute - coalesce(w.used, 0), 0) end
        as remaining,
    s.throttle_place
from (
    select t.part, t.label, t.calls, t.rate_limited, t.first, t.id,
        case when t.id is null then %(limit)s else t.per_minute end as per_minute,
        coalesce(gateway_round(t.rate_limited::float8 / nullif(t.calls, 0), 4), 0) as rate,
        row_number() over (partition by t.part order by t.rate_limited desc, t.first)
            as throttle_place
    from (
        -- by adding up, not by a join: the planner cannot know how many names there are
        select l.part, l.label, sum(l.calls)::bigint as calls,
            sum(l.rate_limited)::bigint as rate_limited, min(l.first) as first, min(l.id) as id,
            min(l.per_minute) as per_minute
        from (
            select part, label, calls, rate_limited, first, null::bigint as id,
                null::bigint as per_minute
            from gateway_sums(%(sources)s, %(start)s, %(end)s, null)
            where part <> 'namespace'
            union all
            select 'name', k.name, 0, 0, null, k.id, k.per_minute from keys k
        ) l
        group by l.part, l.label
        having count(*) filter (where l.first is not null or l.part = 'all') > 0
    ) t
) s
left join windows w on w.key_id = s.id
order by s.part, case s.part when 'name' then s.calls else s.rate_limited end desc, s.first
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

MOST = 10


@dataclass(frozen=True)
class RateLimitsConfig:
    """What the gateway allows each key; 0 is without limit."""

    global_limit_per_min: Count | None
    window_ms: Millis


@dataclass(frozen=True)
class RateLimitsTotal:
    """Calls of a name or a tool, or all calls."""

    part: str
    label: str
    calls: Count
    rate_limited: Count
    rate: Ratio
    used: Count
    remaining: Count | None
    throttle_place: int


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
    limit = config.global_limit_per_min
    rows = snapshot.fetch(RateLimitsTotal, TOTALS, limit=limit, **span)
    total = next(r for r in rows if r.part == "all")
    names = [r for r in rows if r.part == "name"]
    return RateLimits(
        config=config,
        summary=RateLimitsSummary(total.calls, total.rate_limited, total.rate),
        per_key=[
            RateLimitsKey(r.label, r.calls, r.rate_limited, r.used, r.remaining) for r in names
        ],
        per_tool=[
            RateLimitsTool(r.label, r.calls, r.rate_limited) for r in rows if r.part == "tool"
        ],
        hourly_trends=snapshot.fetch(RateLimitsHour, HOURS, **span),
        most_throttled=_most_throttled(names),
    )


def _most_throttled(names: list[RateLimitsTotal]) -> list[RateLimitsThrottled]:
    first = [r for r in names if r.rate_limited > 0 and r.throttle_place <= MOST]
    return [
        RateLimitsThrottled(r.label, r.rate_limited, r.calls, r.rate)
        for r in sorted(first, key=lambda r: r.throttle_place)
    ]
