"""Metered calls rolled up: deltas written with the calls, totals and quarter hours read beside them.

Calls are only ever added, so a delta says all; folding moves deltas into totals in one
transaction, and whoever reads both in one snapshot reads the exact figure. Frozen text: a change
is a new migration.
"""

from django.db import migrations

KINDS = "source_id, key_prefix, name, tool, namespace, allowed, deny_reason"
CALL = """
    u.source_id, u.key_prefix::text as key_prefix,
    case when u.key_name = '' then u.key_prefix::text else u.key_name end as name,
    u.tool, u.namespace, u.allowed, u.deny_reason"""
QUARTER = "date_bin('15 minutes', u.at, '1970-01-01 00:00:00+00')"
MEASURES = """
    sum({n})::bigint as calls,
    coalesce(sum({n}) filter (where d.allowed), 0)::bigint as allowed,
    coalesce(sum({n}) filter (where not d.allowed and d.deny_reason <> ''), 0)::bigint as refused,
    coalesce(sum({n}) filter (
        where not d.allowed and strpos(d.deny_reason, 'rate_limited') > 0), 0)::bigint
        as rate_limited,
    coalesce(sum({n}) filter (
        where not d.allowed and strpos(d.deny_reason, 'quota_exceeded') > 0), 0)::bigint
        as quota_denied,
    coalesce(sum(d.credits) filter (where d.allowed), 0) as credits"""

# Reranking is rare (an export corrects the order within a millisecond) and tells only who came
# first; it waits for a fold, and a fold for it, so that neither overlooks the other's rows.
WRITE = f"""
create function analytics_add_usage() returns trigger language plpgsql as $$
begin
    insert into analytics_usagedelta ({KINDS}, bucket, calls, credits, first)
    select d.source_id, d.key_prefix, d.name, d.tool, d.namespace, d.allowed, d.deny_reason,
        d.bucket, count(*), sum(d.credits), min(d.rank)
    from (select {CALL}, {QUARTER} as bucket, u.credits, u.rank from added u) d
    group by 1, 2, 3, 4, 5, 6, 7, 8;
    return null;
end $$;
create trigger usage_is_counted after insert on billing_usageevent
    referencing new table as added for each statement execute function analytics_add_usage();
create function analytics_rerank_usage() returns trigger language plpgsql as $$
declare
    v_moved text;
begin
    if not exists (
        select from previous p join changed c on c.id = p.id and c.rank <> p.rank) then
        return null;
    end if;
    perform pg_advisory_xact_lock(1885431900, 0);
    create temporary table if not exists pg_temp.moved_usage (
        source_id bigint, key_prefix text, name text, tool text, namespace text,
        allowed boolean, deny_reason text, was bigint) on commit drop;
    insert into pg_temp.moved_usage
    select distinct {CALL}, p.rank
    from previous p join changed u on u.id = p.id and u.rank <> p.rank;
    update analytics_usagetotal t set first = analytics_first_call(t.source_id, t.key_prefix,
        t.name, t.tool, t.namespace, t.allowed, t.deny_reason, t.first)
    from pg_temp.moved_usage m
    where t.source_id = m.source_id and t.digest = analytics_usage_digest(m.key_prefix, m.name,
        m.tool, m.namespace, m.allowed, m.deny_reason) and t.first / 1048576 = m.was / 1048576;
    update analytics_usagedelta t set first = analytics_first_call(t.source_id, t.key_prefix,
        t.name, t.tool, t.namespace, t.allowed, t.deny_reason, t.first)
    from pg_temp.moved_usage m
    where (t.source_id, t.key_prefix, t.name, t.tool, t.namespace, t.allowed, t.deny_reason)
          is not distinct from (m.source_id, m.key_prefix, m.name, m.tool, m.namespace, m.allowed,
              m.deny_reason) and t.first / 1048576 = m.was / 1048576;
    delete from pg_temp.moved_usage;
    return null;
end $$;
create function analytics_usage_digest(
    key_prefix text, name text, tool text, namespace text, allowed boolean, deny_reason text)
returns uuid language sql immutable parallel safe as $$
    select md5(row(key_prefix, name, tool, namespace, allowed, deny_reason)::text)::uuid
$$;
-- The smallest rank of these calls in the millisecond of `near`, which their first call is in.
create function analytics_first_call(
    p_source bigint, p_prefix text, p_name text, p_tool text, p_namespace text,
    p_allowed boolean, p_reason text, p_near bigint)
returns bigint language sql stable as $$
    select coalesce(min(u.rank), p_near)
    from billing_usageevent u
    where u.source_id = p_source
      and u.rank between p_near / 1048576 * 1048576 and p_near / 1048576 * 1048576 + 1048575
      and u.key_prefix = p_prefix and u.tool = p_tool and u.allowed = p_allowed
      and case when u.key_name = '' then u.key_prefix::text else u.key_name end = p_name
      and u.namespace is not distinct from p_namespace
      and u.deny_reason is not distinct from p_reason
$$;
create trigger usage_is_reranked after update on billing_usageevent
    referencing old table as previous new table as changed
    for each statement execute function analytics_rerank_usage();
"""

# Deltas into totals and quarter hours; under analytics_rerank_usage's lock. Returns deltas taken.
FOLD = f"""
create function analytics_fold_usage(p_limit int) returns bigint language plpgsql as $$
declare
    v_taken bigint;
begin
    with taken as materialized (
        delete from analytics_usagedelta
        where id in (select id from analytics_usagedelta order by id limit p_limit)
        returning *
    ), totals as (
        insert into analytics_usagetotal as t ({KINDS}, digest, calls, credits, first)
        select {KINDS}, analytics_usage_digest(key_prefix, name, tool, namespace, allowed,
            deny_reason) as digest, sum(calls), sum(credits), min(first)
        from taken group by {KINDS}
        order by source_id, digest
        on conflict (source_id, digest) do update set
            calls = t.calls + excluded.calls, credits = t.credits + excluded.credits,
            first = least(t.first, excluded.first)
        returning 1
    ), quarters as (
        insert into analytics_usagequarter as q (source_id, bucket, namespace, digest, calls,
            allowed, refused, rate_limited, quota_denied, credits)
        select d.source_id, d.bucket, d.namespace, md5(row(d.namespace)::text)::uuid as digest,
            {MEASURES.format(n="d.calls")}
        from taken d group by d.source_id, d.bucket, d.namespace
        order by d.source_id, d.bucket, digest
        on conflict (source_id, bucket, digest) do update set
            calls = q.calls + excluded.calls, allowed = q.allowed + excluded.allowed,
            refused = q.refused + excluded.refused,
            rate_limited = q.rate_limited + excluded.rate_limited,
            quota_denied = q.quota_denied + excluded.quota_denied,
            credits = q.credits + excluded.credits
        returning 1
    )
    select count(*) into v_taken from taken;
    return v_taken;
end $$;
"""

# Calls by everything that tells kinds apart. Of all time, which a window is that begins before
# every call and ends after them: totals and deltas; of any other window: the calls themselves.
READ = f"""
create function gateway_is_all(p_sources bigint[], p_from timestamptz, p_to timestamptz)
returns boolean language sql stable parallel safe as $$
    select p_from is null and not exists (
        select from billing_source s
        where (p_sources is null or s.id = any(p_sources)) and exists (
            select from billing_usageevent u
            where u.source_id = s.id and u.at >= p_to
              and u.rank >= floor(extract(epoch from p_to) * 1000)::bigint * 1048576))
$$;
create function gateway_usage(p_sources bigint[], p_from timestamptz, p_to timestamptz)
returns table (
    source_id bigint, key_prefix text, name text, tool text, namespace text, allowed boolean,
    deny_reason text, calls bigint, credits numeric, first bigint)
language sql stable parallel safe as $$
    select {KINDS}, calls, credits, first
    from analytics_usagetotal
    where (select gateway_is_all(p_sources, p_from, p_to))
      and (p_sources is null or source_id = any(p_sources))
    union all
    select {KINDS}, calls, credits, first
    from analytics_usagedelta
    where (select gateway_is_all(p_sources, p_from, p_to))
      and (p_sources is null or source_id = any(p_sources))
    union all
    select c.source_id, c.key_prefix, c.name, c.tool, c.namespace, c.allowed, c.deny_reason,
        count(*), sum(c.credits), min(c.rank)
    from gateway_calls(p_sources, p_from, p_to) c
    where not (select gateway_is_all(p_sources, p_from, p_to))
    group by 1, 2, 3, 4, 5, 6, 7
$$;
"""

# Calls by quarter hour and namespace: folded quarters and deltas inside the window, the calls
# themselves at its edges.
QUARTERS = f"""
create function gateway_quarters(p_sources bigint[], p_from timestamptz, p_to timestamptz)
returns table (
    bucket timestamptz, namespace text, calls bigint, allowed bigint, refused bigint,
    rate_limited bigint, quota_denied bigint, credits numeric)
language sql stable parallel safe as $$
    with edge as materialized (
        select date_bin('15 minutes', p_to, '1970-01-01 00:00:00+00') as high,
            case when p_from is not null then date_bin('15 minutes',
                p_from + interval '15 minutes' - interval '1 microsecond',
                '1970-01-01 00:00:00+00') end as low
    )
    select q.bucket, q.namespace, q.calls, q.allowed, q.refused, q.rate_limited, q.quota_denied,
        q.credits
    from edge e
    join analytics_usagequarter q
        on q.bucket < e.high and q.bucket >= coalesce(e.low, '-infinity')
    where p_sources is null or q.source_id = any(p_sources)
    union all
    select d.bucket, d.namespace, {MEASURES.format(n="d.calls")}
    from edge e
    join analytics_usagedelta d
        on d.bucket < e.high and d.bucket >= coalesce(e.low, '-infinity')
    where p_sources is null or d.source_id = any(p_sources)
    group by 1, 2
    union all
    select d.bucket, d.namespace, {MEASURES.format(n="1")}
    from edge e
    cross join lateral (
        select {QUARTER} as bucket, u.namespace, u.allowed, u.deny_reason, u.credits
        from billing_source s
        cross join lateral (
            -- by rank alone, for it is what the index of a source is ordered by
            select c.at, c.namespace, c.allowed, c.deny_reason, c.credits
            from billing_usageevent c
            where c.source_id = s.id
              and c.rank >= floor(extract(epoch from greatest(e.high, p_from)) * 1000)::bigint
                  * 1048576
              and c.rank < (ceil(extract(epoch from p_to) * 1000)::bigint + 1) * 1048576
            offset 0
        ) u
        where (p_sources is null or s.id = any(p_sources))
          and u.at >= greatest(e.high, p_from) and u.at < p_to
        union all
        select {QUARTER}, u.namespace, u.allowed, u.deny_reason, u.credits
        from billing_source s
        cross join lateral (
            select c.at, c.namespace, c.allowed, c.deny_reason, c.credits
            from billing_usageevent c
            where c.source_id = s.id
              and c.rank >= floor(extract(epoch from p_from) * 1000)::bigint * 1048576
              and c.rank < (ceil(extract(epoch from e.low) * 1000)::bigint + 1) * 1048576
            offset 0
        ) u
        where (p_sources is null or s.id = any(p_sources))
          and e.low > p_from and u.at >= p_from and u.at < least(e.low, e.high, p_to)
    ) d
    group by 1, 2
$$;
"""

# The functions of reports, over these.
SUMS = """
create or replace function gateway_sums(
    p_sources bigint[], p_from timestamptz, p_to timestamptz, p_namespace text)
returns table (
    part text, label text, calls bigint, allowed bigint, denied bigint, rate_limited bigint,
    credits numeric, first bigint, first_allowed bigint)
language sql stable parallel safe as $$
    select
        case grouping(c.name, c.named, c.tool)
            when 7 then 'all' when 3 then 'name' when 5 then 'namespace' else 'tool' end,
        coalesce(c.name, c.named, c.tool, ''),
        coalesce(sum(c.calls), 0)::bigint,
        coalesce(sum(c.calls) filter (where c.allowed), 0)::bigint,
        coalesce(sum(c.calls) filter (where not c.allowed), 0)::bigint,
        coalesce(sum(c.calls) filter (
            where not c.allowed and strpos(c.deny_reason, 'rate_limited') > 0), 0)::bigint,
        coalesce(sum(c.credits) filter (where c.allowed), 0),
        min(c.first),
        min(c.first) filter (where c.allowed)
    from (
        select u.*, coalesce(nullif(u.namespace, ''), 'default') as named
        from gateway_usage(p_sources, p_from, p_to) u
        where p_namespace is null or u.namespace = p_namespace
    ) c
    group by grouping sets ((), (c.name), (c.named), (c.tool))
$$;
create or replace function gateway_hours(
    p_sources bigint[], p_from timestamptz, p_to timestamptz, p_namespace text, p_zone text)
returns table (
    hour timestamptz, calls bigint, allowed bigint, denied bigint, refused bigint,
    rate_limited bigint, quota_denied bigint, credits numeric)
language sql stable parallel safe as $$
    select date_trunc('hour', q.bucket, p_zone),
        sum(q.calls)::bigint, sum(q.allowed)::bigint, sum(q.calls - q.allowed)::bigint,
        sum(q.refused)::bigint, sum(q.rate_limited)::bigint, sum(q.quota_denied)::bigint,
        sum(q.credits)
    from gateway_quarters(p_sources, p_from, p_to) q
    where p_namespace is null or q.namespace = p_namespace
    group by 1
$$;
"""

# All calls as deltas: for whatever was metered before the triggers were there, and for repair.
RECOUNT = f"""
create function analytics_recount_usage() returns void language sql as $$
    insert into analytics_usagedelta ({KINDS}, bucket, calls, credits, first)
    select d.source_id, d.key_prefix, d.name, d.tool, d.namespace, d.allowed, d.deny_reason,
        d.bucket, count(*), sum(d.credits), min(d.rank)
    from (select {CALL}, {QUARTER} as bucket, u.credits, u.rank from billing_usageevent u) d
    group by 1, 2, 3, 4, 5, 6, 7, 8
$$;
select analytics_recount_usage();
"""

DROP = """
drop function analytics_recount_usage();
drop function gateway_quarters;
drop function gateway_usage;
drop function gateway_is_all;
drop function analytics_fold_usage;
drop trigger usage_is_reranked on billing_usageevent;
drop function analytics_rerank_usage();
drop function analytics_first_call;
drop function analytics_usage_digest;
drop trigger usage_is_counted on billing_usageevent;
drop function analytics_add_usage();
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0010_usage")]

    operations = [
        migrations.RunSQL([WRITE, FOLD, READ, QUARTERS, SUMS, RECOUNT], [DROP]),
    ]
