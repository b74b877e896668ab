"""The rules of keys and usage, in the database.

Frozen text: a later change of a function is a new migration.
"""

from django.db import migrations

# Which key a metered call belongs to: that of its 10 characters where they are known, else that
# of the first 7 and the same name. Never guessed: two candidates are none.
OWNER = """
create function billing_owner_of(p_source bigint, p_prefix text, p_name text)
returns bigint language sql stable as $$
    select case when count(*) = 1 then min(k.id) end
    from billing_apikey k
    where k.source_id = p_source
      and (k.prefix <> '' and k.prefix = p_prefix
           or k.prefix = '' and k.name = p_name and left(k.mask, 7) = left(p_prefix, 7))
$$;
"""

# Asked for new calls; and for all calls whose keys begin so (7 characters), which is dear, when
# such keys are new. Both return the keys whose calls changed. Two functions, since the planner
# would scan all calls for a few of them if it had to foresee both.
CLAIM = """
create function billing_claim_calls(p_calls bigint[]) returns setof bigint language sql as $$
    with moved as (
        update billing_usageevent u set key_id = f.owner
        from (
            select id, billing_owner_of(source_id, key_prefix, key_name) as owner
            from billing_usageevent where id = any(p_calls)
            offset 0
        ) f
        where u.id = f.id and f.owner is distinct from u.key_id
        returning f.owner
    )
    select distinct owner from moved where owner is not null
$$;
create function billing_claim_usage(p_source bigint, p_stems text[])
returns setof bigint language sql as $$
    with mine as materialized (
        select id, key_id, key_prefix, key_name from billing_usageevent
        where source_id = p_source and left(key_prefix, 7) = any(p_stems)
    ), owner as materialized (
        select key_prefix, key_name, billing_owner_of(p_source, key_prefix, key_name) as key_id
        from (select distinct key_prefix, key_name from mine) w
    ), moved as (
        update billing_usageevent u set key_id = o.key_id
        from mine m join owner o using (key_prefix, key_name)
        where u.id = m.id and o.key_id is distinct from m.key_id
        returning m.key_id as was, o.key_id as belongs
    )
    select was from moved where was is not null
    union
    select belongs from moved where belongs is not null
$$;
"""

# New calls of keys that were settled before, added to what the keys are. Returns the keys that
# must be settled anew, since more than a sum depends on these calls: later calls are there
# already and may name another namespace, or a successor began with what the key was.
ADD = """
create function billing_add_usage(p_calls bigint[]) returns setof bigint language sql as $$
    with added as materialized (
        select k.id, sum(u.credits) as credits,
            sum(case when u.deny_reason = 'refund' then -1 else 1 end) as calls,
            max(u.at) filter (where u.deny_reason is distinct from 'refund') as last,
            (array_agg(u.namespace order by u.rank desc)
                filter (where u.namespace is not null))[1] as namespace,
            k.snapshot is null and coalesce(min(u.at) <= (
                select o.at from billing_usageevent o
                where o.key_id = k.id and o.id <> all(p_calls)
                order by o.at desc
                limit 1), false)
            or exists (
                select from billing_gatewayevent e
                where k.mask <> '' and e.source_id = k.source_id and e.key_mask = k.mask
                  and e.type = 'key.rotated') as is_more
        from billing_usageevent u
        join billing_apikey k on k.id = u.key_id
        where u.id = any(p_calls) and u.allowed and not k.is_issued_here
          and u.at > coalesce(k.snapshot_at, '-infinity')
        group by k.id
    ), done as (
        update billing_apikey k set
            credits = k.credits - a.credits,
            total_spent = k.total_spent + a.credits,
            total_calls = k.total_calls + a.calls,
            last_used_at = greatest(k.last_used_at, a.last),
            namespace = case when k.snapshot is not null then k.namespace
                             else left(coalesce(a.namespace, k.namespace), 50) end
        from added a
        where k.id = a.id and not a.is_more
    )
    select id from added where is_more
$$;
"""

# What a gateway's key is now: its newest snapshot, with everything later than it applied. A key
# never seen in a snapshot begins with the event that made it; one that came by rotation begins
# as its predecessor was then, so successors are settled after it.
SETTLE = """
create function billing_settle_keys(p_ids bigint[]) returns void language plpgsql as $$
declare
    v_ids bigint[] := p_ids;
    v_round int := 0;
    v_seen bigint[] := '{}';
    v_alike bigint[];
    v_stems text[];
begin
    -- However long a line of successors is; only a circle, which no gateway makes, is cut.
    while cardinality(v_ids) > 0 and v_round < 100 + cardinality(v_seen) loop
        v_round := v_round + 1;
        if not v_ids <@ v_seen then
            v_seen := array(select unnest(v_seen) union select unnest(v_ids));
        end if;
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
                select count(*) > 0 as found,
                    count(*) filter (where o.mask <> '' and o.mask = k.mask) > 0 as by_mask
                from billing_apikey o
                where o.source_id = k.source_id and o.id <> k.id
                  and ((k.mask <> '' and o.mask = k.mask)
                    or (k.prefix <> '' and o.prefix = k.prefix)
                    or ((k.prefix = '' or o.prefix = '') and k.name = o.name
                        and left(coalesce(nullif(k.prefix, ''), k.mask), 7)
                            = left(coalesce(nullif(o.prefix, ''), o.mask), 7)))
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
        returning case when k.prefix = '' and k.name <> f.was_named then left(k.mask, 7) end as stem
        )
        select array_agg(distinct stem) filter (where stem is not null) into v_stems from settled;
        -- Next: what began as one of these was, what looks like one of these, and what calls
        -- belong to now that a key known by its mask alone has learnt its name.
        v_ids := array(
            select n.id
            from billing_apikey p
            join billing_gatewayevent e
                on e.source_id = p.source_id and e.key_mask = p.mask and e.type = 'key.rotated'
            join billing_apikey n
                on n.source_id = e.source_id and n.mask = e.other_mask and n.snapshot is null
            where p.id = any(v_ids) and p.mask <> '' and n.id <> p.id
            union
            select o.id
            from billing_apikey k
            join billing_apikey o on o.source_id = k.source_id and o.id <> all(v_seen)
                and (k.mask <> '' and o.mask = k.mask
                  or k.prefix <> '' and o.prefix = k.prefix
                  or o.name = k.name
                     and left(coalesce(nullif(k.prefix, ''), k.mask), 7)
                         = left(coalesce(nullif(o.prefix, ''), o.mask), 7))
            where k.id = any(v_ids) and (k.is_ambiguous or k.id = any(v_alike))
            union
            select c.id
            from (select distinct source_id from billing_apikey where id = any(v_ids)) s
            cross join lateral billing_claim_usage(s.source_id, v_stems) as c (id)
            where v_stems is not null
        );
    end loop;
end $$;
"""

# The balance of a key issued here is the newest line of its ledger, and nothing else.
LEDGER = """
create function billing_write_ledger() returns trigger language plpgsql as $$
declare
    v_key billing_apikey;
begin
    select * into v_key from billing_apikey where id = new.key_id for update;
    if not v_key.is_issued_here then
        return new;
    end if;
    if new.amount in ('NaN', 'Infinity', '-Infinity') then
        raise exception 'a ledger has finite amounts' using errcode = 'check_violation';
    end if;
    if new.balance_before is distinct from v_key.credits then
        raise exception 'the ledger of key % stands at %, not at %',
            new.key_id, v_key.credits, new.balance_before using errcode = 'check_violation';
    end if;
    perform set_config('billing.ledger_writes', new.key_id::text, true);
    update billing_apikey set credits = new.balance_after where id = new.key_id;
    perform set_config('billing.ledger_writes', '', true);
    return new;
end $$;
create trigger credit_entry_moves_balance before insert on billing_creditentry
    for each row execute function billing_write_ledger();
create function billing_guard_balance() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if new.is_issued_here and new.credits <> 0 then
            raise exception 'a key issued here begins with no credits: grant them in its ledger'
                using errcode = 'restrict_violation';
        end if;
    elsif old.is_issued_here is distinct from new.is_issued_here then
        raise exception 'who issued a key never changes' using errcode = 'restrict_violation';
    elsif new.is_issued_here and new.credits is distinct from old.credits
          and (pg_trigger_depth() < 2
               or current_setting('billing.ledger_writes', true) is distinct from new.id::text)
    then
        raise exception 'the credits of a key issued here change by its ledger only'
            using errcode = 'restrict_violation';
    end if;
    return new;
end $$;
create trigger issued_key_follows_ledger before insert or update on billing_apikey
    for each row execute function billing_guard_balance();
"""

REFUSALS = """
create function billing_guard_usage() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE'
       and (new.source_id, new.at, new.key_prefix, new.key_name, new.tool, new.credits,
            new.allowed, new.deny_reason, new.namespace, new.content_hash, new.ordinal)
           is not distinct from
           (old.source_id, old.at, old.key_prefix, old.key_name, old.tool, old.credits,
            old.allowed, old.deny_reason, old.namespace, old.content_hash, old.ordinal) then
        return new;
    end if;
    raise exception '% of a metered call is refused: usage is append-only', tg_op
        using errcode = 'restrict_violation';
end $$;
create trigger usage_is_append_only before update or delete on billing_usageevent
    for each row execute function billing_guard_usage();
create trigger request_log_is_append_only before update or delete on billing_requestlog
    for each statement execute function billing_refuse('the request log is append-only');
create trigger audit_event_is_append_only before update or delete on billing_gatewayauditevent
    for each statement execute function billing_refuse('the audit log is append-only');
create trigger credit_entry_is_append_only before update or delete on billing_creditentry
    for each statement execute function billing_refuse('the ledger is append-only');
create trigger gateway_event_is_kept before delete on billing_gatewayevent
    for each statement execute function billing_refuse('what a gateway sent is kept');
create trigger delivery_is_kept before delete on billing_webhookdelivery
    for each statement execute function billing_refuse('what a gateway sent is kept');
create trigger key_is_kept before delete on billing_apikey
    for each statement execute function billing_refuse('keys are kept: revoke them');
"""

TABLES = (
    "usageevent requestlog gatewayauditevent creditentry gatewayevent webhookdelivery apikey"
).split()

NO_TRUNCATE = "".join(
    f"create trigger {table}_is_not_truncated before truncate on billing_{table}"
    " for each statement execute function billing_refuse('facts are kept');\n"
    for table in TABLES
)

DROP = "".join(
    f"drop trigger {table}_is_not_truncated on billing_{table};\n" for table in TABLES
) + """
drop trigger key_is_kept on billing_apikey;
drop trigger delivery_is_kept on billing_webhookdelivery;
drop trigger gateway_event_is_kept on billing_gatewayevent;
drop trigger credit_entry_is_append_only on billing_creditentry;
drop trigger audit_event_is_append_only on billing_gatewayauditevent;
drop trigger request_log_is_append_only on billing_requestlog;
drop trigger usage_is_append_only on billing_usageevent;
drop function billing_guard_usage();
drop trigger issued_key_follows_ledger on billing_apikey;
drop function billing_guard_balance();
drop trigger credit_entry_moves_balance on billing_creditentry;
drop function billing_write_ledger();
drop function billing_settle_keys;
drop function billing_add_usage;
drop function billing_claim_usage;
drop function billing_claim_calls;
drop function billing_owner_of;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_gateway")]

    operations = [
        migrations.RunSQL([OWNER, CLAIM, ADD, SETTLE, LEDGER, REFUSALS, NO_TRUNCATE], [DROP]),
    ]
