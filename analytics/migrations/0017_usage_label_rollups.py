"""Metered calls by name, tool, namespace and reason, folded apart from their combinations.

Nearly every call is a kind of its own where there are many keys; most analyses ask for one side
of it only. Frozen text: a change is a new migration.
"""

from importlib import import_module

from django.db import migrations

FORMER = import_module("analytics.migrations.0013_metric_totals")
FORMER_READ = import_module("analytics.migrations.0011_usage_rollups")

CATEGORY = "gateway_denial(d.deny_reason)"
NAMED = "coalesce(nullif(d.namespace, ''), 'default')"
IS_REFUSED = "not d.allowed and d.deny_reason <> ''"

# Every kind of calls `d` counts once for each of its labels.
LABELS = f"""
    cross join lateral (
        values ('name', d.name), ('tool', d.tool), ('namespace', {NAMED}),
            ('reason', case when {IS_REFUSED} then d.deny_reason end)
    ) l (part, label)"""
SUMS = """
    sum(d.calls)::bigint as calls,
    coalesce(sum(d.calls) filter (where d.allowed), 0)::bigint as allowed,
    coalesce(sum(d.calls) filter (
        where not d.allowed and strpos(d.deny_reason, 'rate_limited') > 0), 0)::bigint
        as rate_limited,
    coalesce(sum(d.calls) filter (
        where not d.allowed and strpos(d.deny_reason, 'quota_exceeded') > 0), 0)::bigint
        as quota_denied,
    coalesce(sum(d.credits) filter (where d.allowed), 0) as credits,
    min(d.first) as first, min(d.first) filter (where d.allowed) as first_allowed"""
IN_ORDER = 'gateway_units(t.tool) collate "C"'


def added(kinds: str) -> str:
    """Statements that add kinds of calls, rows `d` of deltas or totals, to what labels have."""
    return f"""
    insert into analytics_usagelabel as u (source_id, part, label, digest, calls, allowed,
        rate_limited, quota_denied, credits, first, first_allowed)
    select d.source_id, l.part, l.label, analytics_digest(l.part, l.label), {SUMS}
    from {kinds} {LABELS}
    where l.label is not null
    group by 1, 2, 3
    order by 1, 4
    on conflict (source_id, digest) do update set
        calls = u.calls + excluded.calls, allowed = u.allowed + excluded.allowed,
        rate_limited = u.rate_limited + excluded.rate_limited,
        quota_denied = u.quota_denied + excluded.quota_denied,
        credits = u.credits + excluded.credits, first = least(u.first, excluded.first),
        first_allowed = least(u.first_allowed, excluded.first_allowed);

    insert into analytics_usagerefusal as u (source_id, part, label, category, digest, calls,
        first)
    select d.source_id, l.part, l.label, {CATEGORY},
        analytics_digest(l.part, l.label, {CATEGORY}), sum(d.calls), min(d.first)
    from {kinds}
    cross join lateral (values ('name', d.name), ('tool', d.tool)) l (part, label)
    where {IS_REFUSED}
    group by 1, 2, 3, 4
    order by 1, 5
    on conflict (source_id, digest) do update set
        calls = u.calls + excluded.calls, first = least(u.first, excluded.first);

    insert into analytics_usagetools as u (source_id, name, digest, tools, first)
    select t.source_id, t.name, analytics_digest(t.name), array_agg(t.tool order by {IN_ORDER}),
        min(t.first)
    from (
        select d.source_id, d.name, d.tool, min(d.first) as first
        from {kinds}
        where d.allowed and d.tool <> ''
        group by 1, 2, 3
    ) t
    group by 1, 2
    order by 1, 3
    on conflict (source_id, digest) do update set
        first = least(u.first, excluded.first),
        tools = case when u.tools @> excluded.tools then u.tools else array(
            select t.tool from unnest(u.tools || excluded.tools) t (tool)
            group by t.tool order by {IN_ORDER}) end;
"""  # noqa: S608 - composed of constants


# One fold at a time: the caller holds the lock of analytics_rerank_usage().
KINDS = (
    FORMER.fold(FORMER.TOOLS)
    .replace("create or replace function analytics_fold_usage(p_limit int)",
             "create function analytics_fold_kinds(p_ids bigint[])")
    .replace("id in (select id from analytics_usagedelta order by id limit p_limit)",
             "id = any(p_ids)")
)
FOLD = f"""
create or replace function analytics_fold_usage(p_limit int) returns bigint language plpgsql as $$
declare
    v_ids bigint[] := array(select id from analytics_usagedelta order by id limit p_limit);
begin
{added("(select * from analytics_usagedelta where id = any(v_ids)) d")}
    return analytics_fold_kinds(v_ids);
end $$;
"""  # noqa: S608 - composed of constants

# What was folded before.
FOLDED = added("analytics_usagetotal d")

# The smallest rank, in the millisecond of `near`, of the calls of a label: of all of them, of
# those `allowed`, of those `used` (allowed, with a tool) or of those of a category of denials.
RERANK = f"""
create function analytics_first_labelled(
    p_source bigint, p_part text, p_label text, p_near bigint, p_which text)
returns bigint language sql stable as $$
    select coalesce(min(d.rank), p_near)
    from billing_usageevent d
    where d.source_id = p_source
      and d.rank between p_near / 1048576 * 1048576 and p_near / 1048576 * 1048576 + 1048575
      and case p_part
          when 'name' then p_label =
              case when d.key_name = '' then d.key_prefix::text else d.key_name end
          when 'tool' then p_label = d.tool
          when 'namespace' then p_label = {NAMED}
          else {IS_REFUSED} and p_label = d.deny_reason end
      and case p_which
          when 'any' then true
          when 'allowed' then d.allowed
          when 'used' then d.allowed and d.tool <> ''
          else {IS_REFUSED} and {CATEGORY} = p_which end
$$;
create function analytics_rerank_labels() returns trigger language plpgsql as $$
begin
    if not exists (
        select from previous p join changed c on c.id = p.id and c.rank <> p.rank) then
        return null;
    end if;
    perform pg_advisory_xact_lock(1885431900, 0);
    create temporary table if not exists pg_temp.moved_label (
        source_id bigint, part text, label text, was bigint[]) on commit drop;
    insert into pg_temp.moved_label
    select d.source_id, l.part, l.label, array_agg(distinct d.was)
    from (
        select u.source_id, case when u.key_name = '' then u.key_prefix::text else u.key_name end
            as name, u.tool, u.namespace, u.allowed, u.deny_reason, p.rank / 1048576 as was
        from previous p join changed u on u.id = p.id and u.rank <> p.rank
    ) d
    {LABELS}
    where l.label is not null
    group by 1, 2, 3;
    update analytics_usagelabel t set
        first = case when t.first / 1048576 = any(m.was) then analytics_first_labelled(
            t.source_id, t.part, t.label, t.first, 'any') else t.first end,
        first_allowed = case when t.first_allowed / 1048576 = any(m.was) then
            analytics_first_labelled(t.source_id, t.part, t.label, t.first_allowed, 'allowed')
            else t.first_allowed end
    from pg_temp.moved_label m
    where t.source_id = m.source_id and t.digest = analytics_digest(m.part, m.label)
      and (t.first / 1048576 = any(m.was) or t.first_allowed / 1048576 = any(m.was));
    update analytics_usagerefusal t set first = analytics_first_labelled(
        t.source_id, t.part, t.label, t.first, t.category)
    from pg_temp.moved_label m
    where t.source_id = m.source_id and t.part = m.part and t.label = m.label
      and t.first / 1048576 = any(m.was);
    update analytics_usagetools t set first = analytics_first_labelled(
        t.source_id, 'name', t.name, t.first, 'used')
    from pg_temp.moved_label m
    where m.part = 'name' and t.source_id = m.source_id and t.digest = analytics_digest(m.label)
      and t.first / 1048576 = any(m.was);
    delete from pg_temp.moved_label;
    return null;
end $$;
create trigger usage_labels_are_reranked after update on billing_usageevent
    referencing old table as previous new table as changed
    for each statement execute function analytics_rerank_labels();
"""  # noqa: S608 - composed of constants

# Calls of all time by label and of a namespace or a part of time by kind. `all` is always there.
READ = f"""
drop function gateway_sums(bigint[], timestamptz, timestamptz, text);
-- Whether all calls are of one gateway.
create function gateway_is_alone(p_sources bigint[]) returns boolean
language sql stable parallel safe as $$
    select count(*) < 2
    from billing_source s
    where (p_sources is null or s.id = any(p_sources))
      and exists (select from analytics_usagelabel u where u.source_id = s.id)
$$;
create function gateway_sums(
    p_sources bigint[], p_from timestamptz, p_to timestamptz, p_namespace text)
returns table (
    part text, label text, calls bigint, allowed bigint, denied bigint, rate_limited bigint,
    quota_denied bigint, credits numeric, first bigint, first_allowed bigint)
language sql stable parallel safe as $$
    with recent as materialized (
        select l.part, l.label, {SUMS}
        from (
            select u.name, u.tool, u.namespace, u.allowed, u.deny_reason, u.calls, u.credits,
                u.first
            from analytics_usagedelta u
            where (select gateway_is_all(p_sources, p_from, p_to)) and p_namespace is null
              and (p_sources is null or u.source_id = any(p_sources))
            union all
            select u.name, u.tool, u.namespace, u.allowed, u.deny_reason, u.calls, u.credits,
                u.first
            from gateway_usage(p_sources, p_from, p_to) u
            where not (
                (select gateway_is_all(p_sources, p_from, p_to)) and p_namespace is null)
              and (p_namespace is null or u.namespace = p_namespace)
        ) d
        cross join lateral (
            values ('all', ''), ('name', d.name), ('tool', d.tool), ('namespace', {NAMED}),
                ('reason', case when {IS_REFUSED} then d.deny_reason end)
        ) l (part, label)
        where l.label is not null
        group by 1, 2
    ), folded as not materialized (
        select u.part::text as part, u.label, u.calls, u.allowed, u.rate_limited, u.quota_denied,
            u.credits, u.first, u.first_allowed
        from analytics_usagelabel u
        where (select gateway_is_all(p_sources, p_from, p_to)) and p_namespace is null
          and (p_sources is null or u.source_id = any(p_sources))
    )
    -- What has one row needs no adding up, which is nearly everything where there is one gateway.
    select f.part, f.label, f.calls, f.allowed, f.calls - f.allowed, f.rate_limited,
        f.quota_denied, f.credits, f.first, f.first_allowed
    from folded f
    where (select gateway_is_alone(p_sources))
      and not exists (select from recent r where r.part = f.part and r.label = f.label)
    union all
    select s.part, s.label, sum(s.calls)::bigint, sum(s.allowed)::bigint,
        sum(s.calls - s.allowed)::bigint, sum(s.rate_limited)::bigint,
        sum(s.quota_denied)::bigint, sum(s.credits), min(s.first), min(s.first_allowed)
    from (
        select f.*
        from folded f
        where not (select gateway_is_alone(p_sources))
        union all
        select f.*
        from folded f
        join recent r on r.part = f.part and r.label = f.label
        where (select gateway_is_alone(p_sources))
        union all
        select 'all', '', f.calls, f.allowed, f.rate_limited, f.quota_denied, f.credits, f.first,
            f.first_allowed
        from folded f
        where f.part = 'tool'
        union all
        select r.* from recent r
        union all
        select 'all', '', 0, 0, 0, 0, 0, null, null
    ) s
    group by s.part, s.label
$$;

-- Calls denied with a reason, by category: of all, of every name and of every tool.
create function gateway_refusals(p_sources bigint[], p_from timestamptz, p_to timestamptz)
returns table (part text, label text, category text, calls bigint, first bigint)
language sql stable parallel safe as $$
    with recent as materialized (
        select l.part, l.label, {CATEGORY} as category, sum(d.calls)::bigint as calls,
            min(d.first) as first
        from (
            select u.name, u.tool, u.allowed, u.deny_reason, u.calls, u.first
            from analytics_usagedelta u
            where (select gateway_is_all(p_sources, p_from, p_to))
              and (p_sources is null or u.source_id = any(p_sources))
            union all
            select u.name, u.tool, u.allowed, u.deny_reason, u.calls, u.first
            from gateway_usage(p_sources, p_from, p_to) u
            where not (select gateway_is_all(p_sources, p_from, p_to))
        ) d
        cross join lateral (
            values ('all', ''), ('name', d.name), ('tool', d.tool)
        ) l (part, label)
        where {IS_REFUSED}
        group by 1, 2, 3
    ), folded as not materialized (
        select u.part::text as part, u.label, u.category::text as category, u.calls, u.first
        from analytics_usagerefusal u
        where (select gateway_is_all(p_sources, p_from, p_to))
          and (p_sources is null or u.source_id = any(p_sources))
    )
    select f.part, f.label, f.category, f.calls, f.first
    from folded f
    where (select gateway_is_alone(p_sources))
      and not exists (select from recent r where r.part = f.part and r.label = f.label)
    union all
    select s.part, s.label, s.category, sum(s.calls)::bigint, min(s.first)
    from (
        select f.*
        from folded f
        where not (select gateway_is_alone(p_sources))
        union all
        select f.*
        from folded f
        where (select gateway_is_alone(p_sources))
          and exists (select from recent r where r.part = f.part and r.label = f.label)
        union all
        select 'all', '', f.category, f.calls, f.first from folded f where f.part = 'tool'
        union all
        select r.* from recent r
    ) s
    group by s.part, s.label, s.category
$$;

-- The tools that calls of a name were allowed.
create function gateway_name_tools(p_sources bigint[], p_from timestamptz, p_to timestamptz)
returns table (name text, tools text[], first bigint)
language sql stable parallel safe as $$
    with recent as materialized (
        select d.name, array_agg(distinct d.tool) as tools, min(d.first) as first
        from (
            select u.name, u.tool, u.first
            from analytics_usagedelta u
            where (select gateway_is_all(p_sources, p_from, p_to))
              and u.allowed and u.tool <> ''
              and (p_sources is null or u.source_id = any(p_sources))
            union all
            select u.name, u.tool, u.first
            from gateway_usage(p_sources, p_from, p_to) u
            where not (select gateway_is_all(p_sources, p_from, p_to))
              and u.allowed and u.tool <> ''
        ) d
        group by 1
    ), folded as not materialized (
        select u.name, u.tools, u.first
        from analytics_usagetools u
        where (select gateway_is_all(p_sources, p_from, p_to))
          and (p_sources is null or u.source_id = any(p_sources))
    )
    select f.name, f.tools, f.first
    from folded f
    where (select gateway_is_alone(p_sources))
      and not exists (select from recent r where r.name = f.name)
    union all
    select t.name, array_agg(t.tool order by {IN_ORDER}), min(t.first)
    from (
        select n.name, u.tool, min(n.first) as first
        from (
            select f.*
            from folded f
            where not (select gateway_is_alone(p_sources))
            union all
            select f.*
            from folded f
            where (select gateway_is_alone(p_sources))
              and exists (select from recent r where r.name = f.name)
            union all
            select r.* from recent r
        ) n
        cross join lateral unnest(n.tools) u (tool)
        group by 1, 2
    ) t
    group by 1
$$;
"""

# Of two keys the one that a gateway lists later, as gateway_keys() numbers them.
LATER = """
create function gateway_is_later(l billing_apikey, k billing_apikey) returns boolean
language sql immutable parallel safe as $$
    select (l.source_id, coalesce(l.position, 9223372036854775807), l.created_at, l.id)
        > (k.source_id, coalesce(k.position, 9223372036854775807), k.created_at, k.id)
$$;
"""

FORMER_SUMS = [
    "drop function gateway_sums(bigint[], timestamptz, timestamptz, text)",
    FORMER_READ.SUMS.split("create or replace function gateway_hours")[0],
]

DROP = """
drop function gateway_is_later;
drop function gateway_name_tools;
drop function gateway_refusals;
drop function gateway_is_alone;
drop trigger usage_labels_are_reranked on billing_usageevent;
drop function analytics_rerank_labels();
drop function analytics_first_labelled;
drop function analytics_fold_kinds;
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0016_request_log_rollups")]

    operations = [
        migrations.RunSQL(
            [KINDS, FOLD, FOLDED, RERANK, READ, LATER],
            [*FORMER_SUMS, FORMER.fold(FORMER.TOOLS), DROP],
        ),
    ]
