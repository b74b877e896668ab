"""Rotated keys are settled in the order of their rotations, each once.

Before, every round settled the whole rest of a line again, and looking for a key's twins read all
keys of its name: a line of a hundred rotations in one batch could take minutes. A key that learnt
its name was judged by the name it had before: whether it, or the keys of its former name, look
like others depended on the order of arrival.
"""

from importlib import import_module

from django.db import migrations, models
from django.db.models.functions import Coalesce, Left, NullIf

PLACES = """
create function billing_rotation_places(p_ids bigint[])
returns table (id bigint, place int) language sql stable as $$
    -- A key has one predecessor at most, so whatever begins outside a circle ends.
    with recursive rotation as materialized (
        select distinct on (n.id) n.id, p.id as was
        from billing_apikey n
        join billing_gatewayevent e
            on e.source_id = n.source_id and e.other_mask = n.mask and e.type = 'key.rotated'
        join billing_apikey p on p.source_id = e.source_id and p.mask = e.key_mask
        where n.id = any(p_ids) and n.snapshot is null and n.mask <> '' and p.id <> n.id
        order by n.id, e.at, e.content_hash, p.id
    ), line as (
        select i.id, 0 as place
        from unnest(p_ids) i (id)
        where not exists (
            select from rotation r where r.id = i.id and r.was = any(p_ids))
        union all
        select r.id, l.place + 1 from line l join rotation r on r.was = l.id
    )
    select i.id, coalesce(max(l.place), 0)
    from unnest(p_ids) i (id) left join line l on l.id = i.id
    group by i.id
$$;
"""

SETTLE = """
create or replace function billing_settle_keys(p_ids bigint[]) returns void language plpgsql as $$
declare
    v_line bigint[];
    v_places int[];
    v_last int;
    v_round int := 0;
    v_ids bigint[];
    v_next bigint[] := '{}';
    v_new bigint[];
    v_changed bigint[];
    v_renamed bigint[];
    v_former text[];
    v_seen bigint[] := '{}';
    v_alike bigint[];
    v_stems text[];
begin
    select array_agg(id), array_agg(place), max(place) into v_line, v_places, v_last
    from billing_rotation_places(p_ids);
    -- However long a line of successors is; only a circle, which no gateway makes, is cut.
    while (cardinality(v_next) > 0 or v_round <= v_last)
            and v_round < 100 + cardinality(v_seen) loop
        v_ids := array(
            select unnest(v_next)
            union
            select l.id from unnest(v_line, v_places) l (id, place) where l.place = v_round);
        v_round := v_round + 1;
        v_new := array(select unnest(v_ids) except select unnest(v_seen));
        v_seen := v_seen || v_new;
        v_alike := array(
            select id from billing_apikey where id = any(v_ids) and is_ambiguous);
        with settled as (
        update billing_apikey k set
            is_ambiguous = f.is_ambiguous,
            name = f.name,
            credits = f.credits,
            total_spent = f.total_spent,
            total_calls = f.total_calls,
            created_at = f.created_at,
            last_used_at = f.last_used_at,
            active = f.active,
            suspended = f.suspended,
            namespace = f.namespace,
            expires_at = f.expires_at,
            expires_text = f.expires_text
        from (
            select k.id, k.name as was_named,
                twin.found or k.snapshot is null and births.several as is_ambiguous,
                coalesce(k.snapshot ->> 'name', birth.name, old.name, k.name) as name,
                coalesce((k.snapshot ->> 'credits')::numeric, birth.credits, old.credits, 0)
                    + coalesce(moved.credits, 0) - coalesce(used.credits, 0) as credits,
                coalesce((k.snapshot ->> 'totalSpent')::numeric, old.total_spent, 0)
                    + coalesce(used.credits, 0) as total_spent,
                coalesce((k.snapshot ->> 'totalCalls')::bigint, old.total_calls, 0)
                    + coalesce(used.calls, 0) as total_calls,
                coalesce((k.snapshot ->> 'createdAt')::timestamptz, birth.at, old.created_at,
                    k.created_at) as created_at,
                greatest((k.snapshot ->> 'lastUsedAt')::timestamptz, old.last_used_at, used.last)
                    as last_used_at,
                coalesce((k.snapshot ->> 'active')::boolean, true)
                    and not coalesce(moved.is_revoked, false) as active,
                coalesce(state.suspended, (k.snapshot ->> 'suspended')::boolean, false)
                    as suspended,
                case when k.snapshot is not null then k.namespace
                     else left(coalesce(used.namespace, warned.namespace, old.namespace,
                         'default'), 50) end as namespace,
                case when k.snapshot is not null then k.expires_at
                     else coalesce(warned.at, old.expires_at) end as expires_at,
                case when k.snapshot is not null then k.expires_text
                     else coalesce(warned.said, old.expires_text, '') end as expires_text
            from billing_apikey k
            cross join lateral (
                select t.by_mask,
                    t.by_mask
                    or exists (
                        select from billing_apikey o
                        where k.prefix <> '' and o.source_id = k.source_id
                          and o.prefix = k.prefix and o.id <> k.id)
                    or exists (
                        select from billing_apikey o
                        where (k.prefix = '' or o.prefix = '') and o.source_id = k.source_id
                          and o.name = k.name and o.id <> k.id
                          and left(coalesce(nullif(o.prefix, ''), o.mask), 7)
                            = left(coalesce(nullif(k.prefix, ''), k.mask), 7)) as found
                from (
                    select exists (
                        select from billing_apikey o
                        where k.mask <> '' and o.source_id = k.source_id and o.mask = k.mask
                          and o.id <> k.id) as by_mask
                ) t
            ) twin
            cross join lateral (
                select count(*) > 1 as several from billing_gatewayevent e
                where k.snapshot is null and k.mask <> '' and e.source_id = k.source_id
                  and e.other_mask = k.mask
                  and e.type in ('key.created', 'key.cloned', 'key.rotated')
            ) births
            left join lateral (
                select e.at, e.metadata::json ->> 'name' as name,
                    (e.metadata::json ->> 'credits')::numeric as credits
                from billing_gatewayevent e
                where k.snapshot is null and k.mask <> '' and e.source_id = k.source_id
                  and e.other_mask = k.mask and e.type in ('key.created', 'key.cloned')
                order by e.at, e.content_hash
                limit 1
            ) birth on true
            left join lateral (
                select p.name, p.credits, p.total_spent, p.total_calls, p.created_at,
                    p.last_used_at, p.namespace, p.expires_at, p.expires_text
                from billing_gatewayevent e
                join billing_apikey p on p.source_id = e.source_id and p.mask = e.key_mask
                where k.snapshot is null and k.mask <> '' and e.source_id = k.source_id
                  and e.other_mask = k.mask and e.type = 'key.rotated' and p.id <> k.id
                order by e.at, e.content_hash
                limit 1
            ) old on true
            left join lateral (
                select
                    sum(e.times * case
                        when e.type in ('key.topup', 'key.auto_topped_up')
                            then (e.metadata::json ->> 'creditsAdded')::numeric
                        when e.type = 'key.credits_transferred' and e.other_mask = k.mask
                            then (e.metadata::json ->> 'credits')::numeric
                        when e.type = 'key.credits_transferred'
                            then -(e.metadata::json ->> 'credits')::numeric
                    end) as credits,
                    bool_or(e.type = 'key.revoked'
                        or (e.type = 'key.rotated' and e.key_mask = k.mask)) as is_revoked
                from billing_gatewayevent e
                where k.mask <> '' and not twin.by_mask and e.source_id = k.source_id
                  and (e.key_mask = k.mask or e.other_mask = k.mask)
                  and e.at > coalesce(k.snapshot_at, '-infinity')
            ) moved on true
            left join lateral (
                select e.type = 'key.suspended' as suspended
                from billing_gatewayevent e
                where k.mask <> '' and not twin.by_mask and e.source_id = k.source_id
                  and e.key_mask = k.mask and e.type in ('key.suspended', 'key.resumed')
                  and e.at > coalesce(k.snapshot_at, '-infinity')
                order by e.at desc, e.content_hash desc
                limit 1
            ) state on true
            left join lateral (
                select e.metadata::json ->> 'namespace' as namespace,
                    (e.metadata::json ->> 'expiresAt')::timestamptz as at,
                    e.metadata::json ->> 'expiresAt' as said
                from billing_gatewayevent e
                where k.snapshot is null and k.mask <> '' and not twin.by_mask
                  and e.source_id = k.source_id and e.key_mask = k.mask
                  and e.type = 'key.expiry_warning'
                order by e.at desc, e.content_hash desc
                limit 1
            ) warned on true
            left join lateral (
                select sum(u.credits) as credits,
                    sum(case when u.deny_reason = 'refund' then -1 else 1 end) as calls,
                    max(u.at) filter (where u.deny_reason is distinct from 'refund') as last,
                    (array_agg(u.namespace order by u.rank desc)
                        filter (where u.namespace is not null))[1] as namespace
                from billing_usageevent u
                where u.key_id = k.id and u.allowed
                  and u.at > coalesce(k.snapshot_at, '-infinity')
            ) used on true
            where k.id = any(v_ids) and not k.is_issued_here
        ) f
        where f.id = k.id
          and (k.is_ambiguous, k.name, k.credits, k.total_spent, k.total_calls, k.created_at,
               k.last_used_at, k.active, k.suspended, k.namespace, k.expires_at, k.expires_text)
              is distinct from
              (f.is_ambiguous, f.name, f.credits, f.total_spent, f.total_calls, f.created_at,
               f.last_used_at, f.active, f.suspended, f.namespace, f.expires_at, f.expires_text)
        returning k.id, f.was_named, k.name <> f.was_named as is_renamed,
            case when k.prefix = '' and k.name <> f.was_named then left(k.mask, 7) end as stem
        )
        select array_agg(id),
            array_agg(id order by id) filter (where is_renamed),
            array_agg(was_named order by id) filter (where is_renamed),
            array_agg(distinct stem) filter (where stem is not null)
        into v_changed, v_renamed, v_former, v_stems
        from settled;
        -- Next: what began as one of these was, unless that is as it was; what looks like one of
        -- these, or did by its former name; and what calls belong to now that a key known by its
        -- mask has learnt its name.
        v_next := array(
            select n.id
            from billing_apikey p
            join billing_gatewayevent e
                on e.source_id = p.source_id and e.key_mask = p.mask and e.type = 'key.rotated'
            join billing_apikey n
                on n.source_id = e.source_id and n.mask = e.other_mask and n.snapshot is null
            where p.id = any(v_changed || v_new) and p.mask <> '' and n.id <> p.id
            union
            select o.id
            from billing_apikey k
            cross join lateral (
                select o.id, o.is_ambiguous from billing_apikey o
                where k.mask <> '' and o.source_id = k.source_id and o.mask = k.mask
                union all
                select o.id, o.is_ambiguous from billing_apikey o
                where k.prefix <> '' and o.source_id = k.source_id and o.prefix = k.prefix
                union all
                select o.id, o.is_ambiguous from billing_apikey o
                where o.source_id = k.source_id and o.name = k.name
                  and left(coalesce(nullif(o.prefix, ''), o.mask), 7)
                    = left(coalesce(nullif(k.prefix, ''), k.mask), 7)
            ) o
            where k.id = any(v_ids) and (k.is_ambiguous or k.id = any(v_alike))
              and (o.id <> all(v_seen) or o.is_ambiguous <> k.is_ambiguous)
            union
            select unnest(v_renamed)
            union
            select o.id
            from unnest(v_renamed, v_former) r (id, name)
            join billing_apikey k on k.id = r.id
            join billing_apikey o on o.source_id = k.source_id and o.name = r.name
                and left(coalesce(nullif(o.prefix, ''), o.mask), 7)
                    = left(coalesce(nullif(k.prefix, ''), k.mask), 7)
            where o.is_ambiguous
            union
            select c.id
            from (select distinct source_id from billing_apikey where id = any(v_ids)) s
            cross join lateral billing_claim_usage(s.source_id, v_stems) as c (id)
            where v_stems is not null
        );
    end loop;
end $$;
"""

FORMER = import_module("billing.migrations.0005_gateway_rules").SETTLE.replace(
    "create function", "create or replace function"
)


class Migration(migrations.Migration):
    dependencies = [("billing", "0009_cheap_follow")]

    operations = [
        migrations.AddIndex(
            "apikey",
            models.Index(
                "source",
                "name",
                Left(Coalesce(NullIf("prefix", models.Value("")), "mask"), 7),
                name="key_by_name_and_stem",
            ),
        ),
        migrations.RemoveIndex("apikey", "key_by_name"),
        migrations.RunSQL([PLACES, SETTLE], [FORMER, "drop function billing_rotation_places"]),
    ]
