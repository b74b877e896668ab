"""Request logs rolled up: entries are noted as pending, and folded into totals some time later.

Entries are only ever added and never change, so a total and the entries that are pending say all.
Whoever reads both in one snapshot reads the exact figure. Frozen text: a change is a new
migration.
"""

from importlib import import_module

from django.db import migrations

# As gateway_requests() of 0007 has it.
SEEN = "(date_part('epoch', r.at) * 1000)::bigint * 1048576 + (r.log_id & 1048575)"
REASON = "case when not r.allowed then coalesce(nullif(r.deny_reason, ''), 'unknown') end"
HOUR = "date_trunc('hour', r.at, 'UTC')"
HOUR_OF_DAY = "date_part('hour', r.at at time zone 'UTC')::int"

WRITE = """
create function analytics_note_log() returns trigger language plpgsql as $$
begin
    insert into analytics_logpending (entry_id) select id from added;
    return null;
end $$;
create trigger request_log_is_noted after insert on billing_requestlog
    referencing new table as added for each statement execute function analytics_note_log();
create function analytics_digest(variadic parts text[]) returns uuid
language sql immutable parallel safe as $$ select md5(parts::text)::uuid $$;
"""

# The masked keys that entries bring to hours and days in which no folded entry has them. While
# entries are being folded they are still pending, so this may be asked before and after.
NEWCOMERS = """
create function analytics_log_newcomers(p_entries bigint[], p_unit text)
returns table (source_id bigint, slot timestamptz, consumers bigint, callers bigint)
language sql stable parallel safe as $$
    select g.source_id, g.slot, count(*) filter (where not known.at_all),
        count(*) filter (where g.called and not known.to_call)
    from (
        select r.source_id, r.key_mask, date_trunc(p_unit, r.at, 'UTC') as slot,
            bool_or(r.allowed) as called
        from billing_requestlog r
        where r.id = any(p_entries)
        group by 1, 2, 3
    ) g
    cross join lateral (
        select g.slot + case p_unit when 'day' then interval '24 hours' else interval '1 hour' end
            as ends
    ) e
    cross join lateral (
        select exists (
            select from billing_requestlog o
            where o.source_id = g.source_id and o.key_mask = g.key_mask
              and o.at >= g.slot and o.at < e.ends
              and not exists (select from analytics_logpending p where p.entry_id = o.id)
        ) as at_all, exists (
            select from billing_requestlog o
            where o.source_id = g.source_id and o.key_mask = g.key_mask and o.allowed
              and o.at >= g.slot and o.at < e.ends
              and not exists (select from analytics_logpending p where p.entry_id = o.id)
        ) as to_call
    ) known
    group by 1, 2
$$;
"""

# One fold at a time: the caller holds the lock of analytics_fold_usage().
FOLD = f"""
create function analytics_fold_log(p_limit int) returns bigint language plpgsql as $$
declare
    v_entries bigint[] := array(
        select entry_id from analytics_logpending order by entry_id limit p_limit);
begin
    insert into analytics_logslot as t (source_id, unit, slot, consumers, callers)
    select n.source_id, u.unit, n.slot, n.consumers, n.callers
    from (values ('hour'), ('day')) u (unit)
    cross join lateral analytics_log_newcomers(v_entries, u.unit) n
    where n.consumers > 0 or n.callers > 0
    order by 1, 2, 3
    on conflict (source_id, unit, slot) do update set
        consumers = t.consumers + excluded.consumers, callers = t.callers + excluded.callers;

    insert into analytics_logtotal as t (source_id, mask, tool, allowed, deny_reason, digest,
        calls, credits, duration, first, first_at, last_at)
    select r.source_id, r.key_mask, r.tool, r.allowed, {REASON},
        analytics_digest(r.key_mask, r.tool, r.allowed::text, {REASON}),
        count(*), sum(r.credits), sum(r.duration_ms), min({SEEN}), min(r.at), max(r.at)
    from billing_requestlog r
    where r.id = any(v_entries)
    group by 1, 2, 3, 4, 5
    order by 1, 6
    on conflict (source_id, digest) do update set
        calls = t.calls + excluded.calls, credits = t.credits + excluded.credits,
        duration = t.duration + excluded.duration, first = least(t.first, excluded.first),
        first_at = least(t.first_at, excluded.first_at),
        last_at = greatest(t.last_at, excluded.last_at);

    insert into analytics_logconsumer as t (source_id, mask, digest, allowed, duration,
        shortest, longest, first, last_at, hours, tools)
    select r.source_id, r.key_mask, analytics_digest(r.key_mask),
        count(*) filter (where r.allowed),
        coalesce(sum(r.duration_ms) filter (where r.allowed), 0),
        min(r.duration_ms) filter (where r.allowed), max(r.duration_ms) filter (where r.allowed),
        min({SEEN}) filter (where r.allowed), max(r.at), bit_or(1 << {HOUR_OF_DAY}),
        coalesce(array_agg(distinct r.tool) filter (where r.allowed), '{{}}')
    from billing_requestlog r
    where r.id = any(v_entries)
    group by 1, 2
    order by 1, 3
    on conflict (source_id, digest) do update set
        allowed = t.allowed + excluded.allowed, duration = t.duration + excluded.duration,
        shortest = least(t.shortest, excluded.shortest),
        longest = greatest(t.longest, excluded.longest),
        first = least(t.first, excluded.first), last_at = greatest(t.last_at, excluded.last_at),
        hours = t.hours | excluded.hours,
        tools = case when t.tools @> excluded.tools then t.tools else array(
            select u.tool from unnest(t.tools || excluded.tools) u (tool)
            group by u.tool order by u.tool) end;

    insert into analytics_logduration as t (source_id, tool, duration_ms, digest, calls, first)
    select r.source_id, r.tool, r.duration_ms,
        analytics_digest(r.tool, trim_scale(r.duration_ms)::text), count(*), min({SEEN})
    from billing_requestlog r
    where r.id = any(v_entries) and r.allowed
    group by 1, 2, 3
    order by 1, 4
    on conflict (source_id, digest) do update set
        calls = t.calls + excluded.calls, first = least(t.first, excluded.first);

    insert into analytics_loghour as t (source_id, hour, tool, digest, requests, allowed, credits,
        duration, first)
    select r.source_id, {HOUR}, r.tool, analytics_digest(r.tool), count(*),
        count(*) filter (where r.allowed), coalesce(sum(r.credits) filter (where r.allowed), 0),
        sum(r.duration_ms), min({SEEN}) filter (where r.allowed)
    from billing_requestlog r
    where r.id = any(v_entries)
    group by 1, 2, 3
    order by 1, 2, 4
    on conflict (source_id, hour, digest) do update set
        requests = t.requests + excluded.requests, allowed = t.allowed + excluded.allowed,
        credits = t.credits + excluded.credits, duration = t.duration + excluded.duration,
        first = least(t.first, excluded.first);

    delete from analytics_logpending where entry_id = any(v_entries);
    return cardinality(v_entries);
end $$;
"""

# Of all time, which a window is that begins before every entry and ends after them: totals and
# pending entries; of any other window: the entries themselves. As gateway_usage() does.
READ = f"""
create function gateway_is_whole_log(p_sources bigint[], p_from timestamptz, p_to timestamptz)
returns boolean language sql stable parallel safe as $$
    select p_from is null and not exists (
        select from billing_source s
        where (p_sources is null or s.id = any(p_sources)) and exists (
            select from billing_requestlog r where r.source_id = s.id and r.at >= p_to))
$$;

-- Entries that no total has, as gateway_requests() gives them. Totals know the hours of UTC only.
create function gateway_unfolded(
    p_sources bigint[], p_from timestamptz, p_to timestamptz, p_zone text)
returns table (
    source_id bigint, at timestamptz, seen bigint, tool text, mask text, allowed boolean,
    credits numeric, duration_ms numeric, deny_reason text)
language sql stable parallel safe as $$
    select r.source_id, r.at, {SEEN}, r.tool, r.key_mask, r.allowed, r.credits, r.duration_ms,
        {REASON}
    from analytics_logpending p
    join billing_requestlog r on r.id = p.entry_id
    where (select gateway_is_whole_log(p_sources, p_from, p_to)) and p_zone = 'UTC'
      and (p_sources is null or r.source_id = any(p_sources))
    union all
    select r.source_id, r.at, r.seen, r.tool, r.mask, r.allowed, r.credits, r.duration_ms,
        case when not r.allowed then r.deny_reason end
    from gateway_requests(p_sources, p_from, p_to) r
    where not ((select gateway_is_whole_log(p_sources, p_from, p_to)) and p_zone = 'UTC')
$$;

-- Entries by everything that tells kinds apart but time; a kind may come in several rows.
create function gateway_log_kinds(p_sources bigint[], p_from timestamptz, p_to timestamptz)
returns table (
    source_id bigint, mask text, tool text, allowed boolean, deny_reason text, calls bigint,
    credits numeric, duration numeric, seen bigint, first_at timestamptz, last_at timestamptz)
language sql stable parallel safe as $$
    select t.source_id, t.mask, t.tool, t.allowed, t.deny_reason, t.calls, t.credits, t.duration,
        t.first, t.first_at, t.last_at
    from analytics_logtotal t
    where (select gateway_is_whole_log(p_sources, p_from, p_to))
      and (p_sources is null or t.source_id = any(p_sources))
    union all
    select r.source_id, r.mask, r.tool, r.allowed, r.deny_reason, count(*), sum(r.credits),
        sum(r.duration_ms), min(r.seen), min(r.at), max(r.at)
    from gateway_unfolded(p_sources, p_from, p_to, 'UTC') r
    group by 1, 2, 3, 4, 5
$$;

-- Masked keys, with their last entry and what their allowed ones took. May come in several rows.
create function gateway_log_consumers(p_sources bigint[], p_from timestamptz, p_to timestamptz)
returns table (
    source_id bigint, mask text, allowed bigint, duration numeric, shortest numeric,
    longest numeric, seen bigint, last_at timestamptz)
language sql stable parallel safe as $$
    select t.source_id, t.mask, t.allowed, t.duration, t.shortest, t.longest, t.first, t.last_at
    from analytics_logconsumer t
    where (select gateway_is_whole_log(p_sources, p_from, p_to))
      and (p_sources is null or t.source_id = any(p_sources))
    union all
    select r.source_id, r.mask, count(*) filter (where r.allowed),
        coalesce(sum(r.duration_ms) filter (where r.allowed), 0),
        min(r.duration_ms) filter (where r.allowed), max(r.duration_ms) filter (where r.allowed),
        min(r.seen) filter (where r.allowed), max(r.at)
    from gateway_unfolded(p_sources, p_from, p_to, 'UTC') r
    group by 1, 2
$$;

-- The tools of allowed entries of a masked key. One that comes but once is taken as it is.
create function gateway_log_consumer_tools(
    p_sources bigint[], p_from timestamptz, p_to timestamptz)
returns table (source_id bigint, mask text, tools text[], seen bigint)
language sql stable parallel safe as $$
    with recent as materialized (
        select r.source_id, r.mask, array_agg(distinct r.tool) as tools, min(r.seen) as seen
        from gateway_unfolded(p_sources, p_from, p_to, 'UTC') r
        where r.allowed
        group by 1, 2
    ), folded as not materialized (
        select t.source_id, t.mask, t.tools, t.first as seen
        from analytics_logconsumer t
        where (select gateway_is_whole_log(p_sources, p_from, p_to))
          and (p_sources is null or t.source_id = any(p_sources)) and t.allowed > 0
    )
    select f.source_id, f.mask, f.tools, f.seen
    from folded f
    where not exists (select from recent r where r.source_id = f.source_id and r.mask = f.mask)
    union all
    select r.source_id, r.mask,
        array(select u.tool from unnest(r.tools || f.tools) u (tool)
              group by u.tool order by u.tool),
        least(r.seen, f.seen)
    from recent r
    left join folded f on f.source_id = r.source_id and f.mask = r.mask
$$;

-- Allowed entries by tool and duration. May come in several rows.
create function gateway_log_durations(p_sources bigint[], p_from timestamptz, p_to timestamptz)
returns table (tool text, duration_ms numeric, calls bigint, seen bigint)
language sql stable parallel safe as $$
    select t.tool, t.duration_ms, t.calls, t.first
    from analytics_logduration t
    where (select gateway_is_whole_log(p_sources, p_from, p_to))
      and (p_sources is null or t.source_id = any(p_sources))
    union all
    select r.tool, r.duration_ms, count(*), min(r.seen)
    from gateway_unfolded(p_sources, p_from, p_to, 'UTC') r
    where r.allowed
    group by 1, 2
$$;

-- Entries by tool and the hour of a zone; hours of UTC are rolled up. May come in several rows.
-- seen: the first allowed one.
create function gateway_log_hours(
    p_sources bigint[], p_from timestamptz, p_to timestamptz, p_zone text)
returns table (
    hour timestamptz, tool text, requests bigint, allowed bigint, credits numeric,
    duration numeric, seen bigint)
language sql stable parallel safe as $$
    select t.hour, t.tool, t.requests, t.allowed, t.credits, t.duration, t.first
    from analytics_loghour t
    where (select gateway_is_whole_log(p_sources, p_from, p_to)) and p_zone = 'UTC'
      and (p_sources is null or t.source_id = any(p_sources))
    union all
    select date_trunc('hour', r.at, p_zone), r.tool, count(*), count(*) filter (where r.allowed),
        coalesce(sum(r.credits) filter (where r.allowed), 0), sum(r.duration_ms),
        min(r.seen) filter (where r.allowed)
    from gateway_unfolded(p_sources, p_from, p_to, p_zone) r
    group by 1, 2
$$;

-- Masked keys by hour or day of a zone, or by 'hour of day', written as that hour of 1970-01-01
-- UTC. callers: those with an allowed entry; not known by the hour of day.
create function gateway_log_slots(
    p_sources bigint[], p_from timestamptz, p_to timestamptz, p_zone text, p_unit text)
returns table (slot timestamptz, consumers bigint, callers bigint)
language sql stable parallel safe as $$
    with asked as materialized (
        select gateway_is_whole_log(p_sources, p_from, p_to) and p_zone = 'UTC' as is_folded
    ), found as (
        select t.slot, t.consumers, t.callers
        from analytics_logslot t
        where (select is_folded from asked) and t.unit = p_unit
          and (p_sources is null or t.source_id = any(p_sources))
        union all
        select n.slot, n.consumers, n.callers
        from analytics_log_newcomers(array(select entry_id from analytics_logpending), p_unit) n
        where (select is_folded from asked) and p_unit in ('hour', 'day')
          and (p_sources is null or n.source_id = any(p_sources))
        union all
        select to_timestamp(h.hour * 3600), count(*), null
        from (
            select h.source_id, h.digest, bit_or(h.hours) as hours
            from (
                select t.source_id, t.digest, t.hours
                from analytics_logconsumer t
                where (select is_folded from asked) and p_unit = 'hour of day'
                  and (p_sources is null or t.source_id = any(p_sources))
                union all
                select r.source_id, analytics_digest(r.key_mask), 1 << {HOUR_OF_DAY}
                from analytics_logpending p
                join billing_requestlog r on r.id = p.entry_id
                where (select is_folded from asked) and p_unit = 'hour of day'
                  and (p_sources is null or r.source_id = any(p_sources))
            ) h
            group by 1, 2
        ) c
        join generate_series(0, 23) h (hour) on c.hours >> h.hour & 1 = 1
        group by 1
        union all
        select s.slot, count(*), count(*) filter (where s.called)
        from (
            select case p_unit
                    when 'hour of day' then to_timestamp(
                        date_part('hour', r.at at time zone p_zone) * 3600)
                    else date_trunc(p_unit, r.at, p_zone)
                end as slot, r.source_id, r.mask, bool_or(r.allowed) as called
            from gateway_requests(p_sources, p_from, p_to) r
            where not (select is_folded from asked)
            group by 1, 2, 3
        ) s
        group by 1
    )
    select f.slot, sum(f.consumers)::bigint, sum(f.callers)::bigint
    from found f
    group by 1
$$;
"""

# The functions of reports, over these.
OVER = """
create or replace function gateway_tools(
    p_sources bigint[], p_from timestamptz, p_to timestamptz)
returns table (
    tool text, calls bigint, credits numeric, consumers bigint, seen bigint,
    first_at timestamptz, last_at timestamptz)
language sql stable parallel safe as $$
    select u.tool, sum(u.calls)::bigint, sum(u.credits), sum(u.consumers)::bigint, min(u.seen),
        min(u.first_at), max(u.last_at)
    from (
        select t.tool, sum(t.calls) as calls, sum(t.credits) as credits, count(*) as consumers,
            min(t.first) as seen, min(t.first_at) as first_at, max(t.last_at) as last_at
        from analytics_logtotal t
        where (select gateway_is_whole_log(p_sources, p_from, p_to))
          and (p_sources is null or t.source_id = any(p_sources)) and t.allowed
        group by t.tool
        union all
        -- consumers that a total has already are counted there
        select r.tool, sum(r.calls), sum(r.credits), count(*) filter (
                where not (select gateway_is_whole_log(p_sources, p_from, p_to))
                    or not exists (
                        select from analytics_logtotal t
                        where t.source_id = r.source_id
                          and t.digest = analytics_digest(r.mask, r.tool, 'true', null))),
            min(r.seen), min(r.first_at), max(r.last_at)
        from (
            select g.source_id, g.mask, g.tool, count(*) as calls, sum(g.credits) as credits,
                min(g.seen) as seen, min(g.at) as first_at, max(g.at) as last_at
            from gateway_unfolded(p_sources, p_from, p_to, 'UTC') g
            where g.allowed
            group by 1, 2, 3
        ) r
        group by r.tool
    ) u
    group by u.tool
$$;
create or replace function gateway_traffic(
    p_sources bigint[], p_from timestamptz, p_to timestamptz, p_zone text, p_unit text)
returns table (
    slot timestamptz, requests bigint, allowed bigint, credits numeric, consumers bigint,
    tools bigint)
language sql stable parallel safe as $$
    select t.slot, t.requests, t.allowed, t.credits, s.consumers, t.tools
    from (
        select g.slot, sum(g.requests)::bigint as requests, sum(g.allowed)::bigint as allowed,
            sum(g.credits) as credits, count(*) filter (where g.tool <> '') as tools
        from (
            select case p_unit
                    when 'hour of day' then to_timestamp(
                        date_part('hour', h.hour at time zone p_zone) * 3600)
                    else date_trunc(p_unit, h.hour, p_zone)
                end as slot, h.tool, sum(h.requests) as requests, sum(h.allowed) as allowed,
                sum(h.credits) as credits
            from gateway_log_hours(p_sources, p_from, p_to, p_zone) h
            group by 1, 2
        ) g
        group by 1
    ) t
    join gateway_log_slots(p_sources, p_from, p_to, p_zone, p_unit) s on s.slot = t.slot
$$;
"""

# All entries as pending: for whatever was logged before the trigger was there, and for repair.
RECOUNT = """
create function analytics_recount_log() returns void language sql as $$
    insert into analytics_logpending (entry_id) select id from billing_requestlog
$$;
select analytics_recount_log();
"""

FORMER = import_module("analytics.migrations.0007_gateway_log_reports")
RESTORED = [
    sql.replace("create function", "create or replace function")
    for sql in (FORMER.TOOLS, FORMER.TRAFFIC)
]

DROP = """
drop function analytics_recount_log();
drop function gateway_log_slots;
drop function gateway_log_hours;
drop function gateway_log_durations;
drop function gateway_log_consumer_tools;
drop function gateway_log_consumers;
drop function gateway_log_kinds;
drop function gateway_unfolded;
drop function gateway_is_whole_log;
drop function analytics_fold_log;
drop function analytics_log_newcomers;
drop function analytics_digest;
drop trigger request_log_is_noted on billing_requestlog;
drop function analytics_note_log();
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0015_narrow_rollups")]

    operations = [
        migrations.RunSQL([WRITE, NEWCOMERS, FOLD, READ, OVER, RECOUNT], [*RESTORED, DROP]),
    ]
