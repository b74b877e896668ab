"""What reports over a gateway's request log share: requests, tools and slots of time.

Frozen text: a change is a new migration. The functions are single selects, so that PostgreSQL
inlines them into the statements that use them.
"""

from django.db import migrations

# seen: the order of the log as one number, epoch milliseconds * 2^20 + the entry's number, so
# that the first appearance of anything is a min() and needs no sort of the whole log. The factor
# leaves room for moments up to 2248.
REQUESTS = """
create function gateway_requests(p_sources bigint[], p_from timestamptz, p_to timestamptz)
returns table (
    source_id bigint, at timestamptz, seen bigint, tool text, mask text, allowed boolean,
    credits numeric, duration_ms numeric, deny_reason text)
language sql stable parallel safe as $$
    select r.source_id, r.at,
        (date_part('epoch', r.at) * 1000)::bigint * 1048576 + (r.log_id & 1048575),
        r.tool, r.key_mask, r.allowed, r.credits, r.duration_ms,
        coalesce(nullif(r.deny_reason, ''), 'unknown')
    from billing_requestlog r
    where (p_sources is null or r.source_id = any(p_sources))
      and (p_from is null or r.at >= p_from) and r.at < p_to
$$;
"""

# Allowed calls by tool. A consumer is a masked key of a source.
TOOLS = """
create function gateway_tools(p_sources bigint[], p_from timestamptz, p_to timestamptz)
returns table (
    tool text, calls bigint, credits numeric, consumers bigint, seen bigint,
    first_at timestamptz, last_at timestamptz)
language sql stable parallel safe as $$
    select u.tool, sum(u.calls)::bigint, sum(u.credits), count(*), min(u.seen),
        min(u.first_at), max(u.last_at)
    from (
        select r.tool, count(*) as calls, sum(r.credits) as credits, min(r.seen) as seen,
            min(r.at) as first_at, max(r.at) as last_at
        from gateway_requests(p_sources, p_from, p_to) r
        where r.allowed
        group by r.source_id, r.mask, r.tool
    ) u
    group by u.tool
$$;
"""

# Requests by hour or day of a zone, or by 'hour of day', written as that hour of 1970-01-01 UTC.
TRAFFIC = """
create function gateway_traffic(
    p_sources bigint[], p_from timestamptz, p_to timestamptz, p_zone text, p_unit text)
returns table (
    slot timestamptz, requests bigint, allowed bigint, credits numeric, consumers bigint,
    tools bigint)
language sql stable parallel safe as $$
    select g.slot,
        sum(g.requests) filter (where g.is_consumer)::bigint,
        sum(g.allowed) filter (where g.is_consumer)::bigint,
        sum(g.credits) filter (where g.is_consumer),
        count(*) filter (where g.is_consumer),
        count(*) filter (where not g.is_consumer and g.tool <> '')
    from (
        select s.slot, s.tool, grouping(s.tool) = 1 as is_consumer, count(*) as requests,
            count(*) filter (where s.allowed) as allowed,
            coalesce(sum(s.credits) filter (where s.allowed), 0) as credits
        from (
            select r.source_id, r.mask, r.tool, r.allowed, r.credits,
                case p_unit
                    when 'hour of day' then to_timestamp(
                        date_part('hour', r.at at time zone p_zone) * 3600)
                    else date_trunc(p_unit, r.at, p_zone)
                end as slot
            from gateway_requests(p_sources, p_from, p_to) r
        ) s
        group by grouping sets ((s.slot, s.source_id, s.mask), (s.slot, s.tool))
    ) g
    group by g.slot
$$;
"""

# A moment as local time of a zone: Z in UTC as JavaScript writes it, else with the offset.
LABELS = """
create function gateway_local(at timestamptz, zone text, decimals text) returns text
language sql stable parallel safe as $$
    select to_char(at at time zone zone, 'YYYY-MM-DD"T"HH24:MI:SS') || decimals
        || case when zone = 'UTC' then 'Z' else
            case when o.minutes < 0 then '-' else '+' end
            || to_char(abs(o.minutes) / 60, 'FM00') || ':' || to_char(abs(o.minutes) % 60, 'FM00')
        end
    from (
        select (extract(epoch from (at at time zone zone) - (at at time zone 'UTC')) / 60)::int
            as minutes
    ) o
$$;
"""

# A percentage with two decimals; 0 of nothing.
RATES = """
create function gateway_rate(part numeric, whole numeric) returns numeric
language sql immutable parallel safe as $$
    select case when whole = 0 then 0
        else floor(part::double precision / whole::double precision * 10000 + 0.5)::numeric / 100
        end
$$;
"""

DROP = """
drop function gateway_rate;
drop function gateway_local;
drop function gateway_traffic;
drop function gateway_tools;
drop function gateway_requests;
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0009_gateway_audit_reports")]

    operations = [migrations.RunSQL([REQUESTS, TOOLS, TRAFFIC, LABELS, RATES], [DROP])]
