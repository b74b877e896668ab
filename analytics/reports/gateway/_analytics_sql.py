"""What the analytics report reads: metered calls of a period, of the one before, and by slots."""

# Where the period begins that has no beginning: with the hour or day of the first call.
FIRST = """
select date_trunc(%(unit)s, min(c.at), %(zone)s) as start
from (
    select (
        select u.at from billing_usageevent u where u.source_id = s.id order by u.rank limit 1
    ) as at
    from billing_source s
    where %(sources)s::bigint[] is null or s.id = any(%(sources)s)
) c
where c.at <= %(as_of)s
"""

# Slots that begin with a quarter hour are sums of quarter hours; others need the calls.
QUARTERS = "select q.bucket as at, q.* from gateway_quarters(%(sources)s, %(start)s, %(end)s) q"
CALLS = """
select c.at, c.namespace, 1 as calls, c.allowed::int as allowed,
    case when c.allowed then c.credits else 0 end as credits
from gateway_calls(%(sources)s, %(start)s, %(end)s) c
"""


def series(calls: str) -> str:
    """Calls in each of `slots`, which end at `ends`; none is left out."""
    return f"""
    select w.start, w."end", coalesce(c.calls, 0)::bigint as calls,
        coalesce(c.allowed, 0)::bigint as allowed,
        coalesce(c.calls - c.allowed, 0)::bigint as denied, coalesce(c.credits, 0) as credits
    from unnest(%(slots)s::timestamptz[], %(ends)s::timestamptz[])
        with ordinality w (start, "end", n)
    left join (
        select width_bucket(q.at, %(slots)s::timestamptz[]) as n, sum(q.calls) as calls,
            sum(q.allowed) as allowed, sum(q.credits) as credits
        from ({calls}) q
        where %(namespace)s::text is null or q.namespace = %(namespace)s
        group by 1
    ) c on c.n = w.n
    order by w.n
    """  # noqa: S608 - composed of constants


def _change(what: str) -> str:
    return (
        f"case when s.previous_{what} <> 0 then gateway_round("
        f"(s.{what} - s.previous_{what})::float8 / s.previous_{what}::float8 * 100, 1) end"
    )


TOTALS = f"""
select s.calls, s.credits, s.denied, s.previous_calls, s.previous_credits, s.previous_denied,
    {_change("calls")} as calls_change, {_change("credits")} as credits_change,
    {_change("denied")} as denied_change,
    coalesce(((s.calls - s.denied)::float8 / nullif(s.calls, 0))::text::numeric, 1) as success_rate
from (
    select coalesce(sum(q.calls) filter (where q.is_now), 0)::bigint as calls,
        coalesce(sum(q.credits) filter (where q.is_now), 0) as credits,
        coalesce(sum(q.calls - q.allowed) filter (where q.is_now), 0)::bigint as denied,
        coalesce(sum(q.calls) filter (where not q.is_now), 0)::bigint as previous_calls,
        coalesce(sum(q.credits) filter (where not q.is_now), 0) as previous_credits,
        coalesce(sum(q.calls - q.allowed) filter (where not q.is_now), 0)::bigint
            as previous_denied
    from (
        select true as is_now, n.*
        from gateway_quarters(%(sources)s, %(start)s, %(end)s) n
        union all
        select false, p.*
        from gateway_quarters(%(sources)s, %(before)s, least(%(start)s, %(end)s)) p
    ) q
    where %(namespace)s::text is null or q.namespace = %(namespace)s
) s
"""  # noqa: S608 - composed of constants

TOOLS = """
select t.tool, t.calls, t.allowed, t.calls - t.allowed as denied, t.credits,
    coalesce((t.allowed::float8 / nullif(t.calls, 0))::text::numeric, 1) as success_rate,
    coalesce((t.credits::float8 / nullif(t.allowed, 0))::text::numeric, 0) as avg_credits_per_call
from (
    select u.tool, sum(u.calls)::bigint as calls,
        coalesce(sum(u.calls) filter (where u.allowed), 0)::bigint as allowed,
        coalesce(sum(u.credits) filter (where u.allowed), 0) as credits, min(u.first) as first
    from gateway_usage(%(sources)s, %(start)s, %(end)s) u
    where %(namespace)s::text is null or u.namespace = %(namespace)s
    group by u.tool
) t
order by t.calls desc, t.first
"""

# Consumers are told apart by the ten characters. Name and tool are looked up for those shown.
CONSUMERS = """
with used as materialized (
    select u.source_id, u.key_prefix, u.name, u.tool, sum(u.calls) as calls,
        coalesce(sum(u.credits) filter (where u.allowed), 0) as credits,
        coalesce(sum(u.calls) filter (where not u.allowed), 0) as denied, min(u.first) as first
    from gateway_usage(%(sources)s, %(start)s, %(end)s) u
    where %(namespace)s::text is null or u.namespace = %(namespace)s
    group by u.source_id, u.key_prefix, u.name, u.tool
), shown as materialized (
    select u.source_id, u.key_prefix, sum(u.calls)::bigint as calls, sum(u.credits) as credits,
        sum(u.denied)::bigint as denied, min(u.first) as first, count(*) over () as consumers
    from used u
    group by u.source_id, u.key_prefix
    order by credits desc, first
    limit %(top)s
)
select coalesce(nullif(n.name, s.key_prefix), s.key_prefix || '...') as key_name, s.calls,
    s.credits, s.denied, t.tool as top_tool, s.consumers
from shown s
join (
    select distinct on (u.source_id, u.key_prefix) u.source_id, u.key_prefix, u.name
    from used u
    join shown s on s.source_id = u.source_id and s.key_prefix = u.key_prefix
    order by u.source_id, u.key_prefix, u.first
) n on n.source_id = s.source_id and n.key_prefix = s.key_prefix
join (
    select distinct on (u.source_id, u.key_prefix) u.source_id, u.key_prefix, u.tool
    from used u
    join shown s on s.source_id = u.source_id and s.key_prefix = u.key_prefix
    group by u.source_id, u.key_prefix, u.tool
    order by u.source_id, u.key_prefix, sum(u.calls) desc, min(u.first)
) t on t.source_id = s.source_id and t.key_prefix = s.key_prefix
order by s.credits desc, s.first
"""
