"""The statements by which gateway facts are stored. Each takes its rows as one JSON parameter."""

# One writer a source at a time: what a key is now depends on everything received for it.
LOCK = "select pg_advisory_xact_lock(1885431653, %s)"

# What each way has shown of a call: a webhook's text counts each time it comes anew, an export's
# count stands for itself. The facts hold the greatest of the ways, never their sum.
SEE_BY_WEBHOOK = """
insert into billing_usagesighting as s
    (source_id, content_hash, webhook_times, ring_times, webhook_place)
select %(source)s, decode(i.hash, 'hex'), sum(i.times), 0, min(i.place)
from json_to_recordset(%(rows)s::json) as i (hash text, times int, place int)
group by 2
on conflict (source_id, content_hash) do update
    set webhook_times = s.webhook_times + excluded.webhook_times,
        webhook_place = least(s.webhook_place, excluded.webhook_place)
"""

SEE_BY_EXPORT = """
insert into billing_usagesighting as s
    (source_id, content_hash, webhook_times, ring_times, ring_place)
select %(source)s, decode(i.hash, 'hex'), 0, sum(i.times), min(i.place)
from json_to_recordset(%(rows)s::json) as i (hash text, times int, place int)
group by 2
on conflict (source_id, content_hash) do update
    set ring_times = greatest(s.ring_times, excluded.ring_times),
        ring_place = greatest(s.ring_place, excluded.ring_place)
    where s.ring_times < excluded.ring_times
       or s.ring_place is null or s.ring_place < excluded.ring_place
"""

INSERT_CALLS = """
insert into billing_usageevent
    (source_id, at, rank, key_prefix, key_name, tool, credits, allowed, deny_reason, namespace,
     content_hash, ordinal)
select %(source)s, i.at,
    (extract(epoch from i.at) * 1000)::bigint * 1048576
        + least(coalesce(s.ring_place, s.webhook_place), 1048575),
    i.key_prefix, i.key_name, i.tool, i.credits, i.allowed, i.deny_reason, i.namespace,
    s.content_hash, n
from (
    select distinct on (hash) * from json_to_recordset(%(rows)s::json) as i (
        hash text, at timestamptz, key_prefix text, key_name text, tool text, credits numeric,
        allowed boolean, deny_reason text, namespace text, place int)
    order by hash, place
) i
join billing_usagesighting s
    on s.source_id = %(source)s and s.content_hash = decode(i.hash, 'hex')
cross join lateral generate_series(1, greatest(s.webhook_times, s.ring_times)) n
order by 3, n
on conflict (source_id, content_hash, ordinal) do nothing
returning id
"""

# An export knows the order of a millisecond better than deliveries do.
PLACE_CALLS = """
update billing_usageevent u
set rank = (u.rank / 1048576) * 1048576 + least(coalesce(s.ring_place, s.webhook_place), 1048575)
from (
    select distinct decode(i.hash, 'hex') as hash
    from json_to_recordset(%(rows)s::json) as i (hash text)
) i
join billing_usagesighting s on s.source_id = %(source)s and s.content_hash = i.hash
where u.source_id = %(source)s and u.content_hash = s.content_hash
  and u.rank %% 1048576 <> least(coalesce(s.ring_place, s.webhook_place), 1048575)
"""

CLAIM_CALLS = "select * from billing_claim_calls(%(calls)s::bigint[])"
CLAIM_USAGE = "select * from billing_claim_usage(%(source)s, %(stems)s)"
ADD = "select * from billing_add_usage(%(calls)s::bigint[])"
SETTLE = "select billing_settle_keys(%(ids)s)"

INSERT_EVENTS = """
insert into billing_gatewayevent as e
    (source_id, at, type, actor, metadata, key_mask, other_mask, times, content_hash)
select %(source)s, min(i.at), min(i.type), min(i.actor), min(i.metadata), min(i.key_mask),
    min(i.other_mask), sum(i.times), decode(i.hash, 'hex')
from json_to_recordset(%(rows)s::json) as i (
    at timestamptz, type text, actor text, metadata text, key_mask text, other_mask text,
    times int, hash text)
group by i.hash
on conflict (source_id, content_hash) do update set times = e.times + excluded.times
"""

# Keys come into being by the events that make them, known by their mask alone.
BEAR_KEYS = """
insert into billing_apikey
    (source_id, mask, name, created_at, is_issued_here, prefix, pepper_version, alias, credits,
     total_spent, total_calls, active, suspended, spending_limit, allowed_tools, denied_tools,
     ip_allowlist, allowed_countries, denied_countries, expires_text, quota_daily_calls,
     quota_monthly_calls, quota_daily_credits, quota_monthly_credits, quota_day, quota_month,
     tags, namespace, group_id, is_ambiguous)
select distinct on (e.other_mask) e.source_id, e.other_mask,
    left(coalesce(nullif(e.metadata::json ->> 'name', ''), 'unnamed'), 200), e.at, false, '', 1,
    '', 0, 0, 0, true, false, 0, '{}', '{}', '{}', '{}', '{}', '', 0, 0, 0, 0, '', '', '{}',
    'default', '', false
from json_to_recordset(%(rows)s::json) as i (hash text)
join billing_gatewayevent e
    on e.source_id = %(source)s and e.content_hash = decode(i.hash, 'hex')
where e.type in ('key.created', 'key.cloned', 'key.rotated') and e.other_mask like '%%...%%'
  and not exists (
      select from billing_apikey k where k.source_id = e.source_id and k.mask = e.other_mask)
  and not exists (
      select from billing_apikey k
      where k.source_id = e.source_id and k.mask = ''
        and left(k.prefix, 7) = left(e.other_mask, 7) and k.name = e.metadata::json ->> 'name')
order by e.other_mask, e.at
returning left(mask, 7)
"""

# A key seen only in a list, by its prefix, learns its mask from the event that made it. An event
# of a rotation does not tell the name: there must be one key that begins so.
NAME_MASKS = """
update billing_apikey k set mask = e.other_mask
from json_to_recordset(%(rows)s::json) as i (hash text)
join billing_gatewayevent e
    on e.source_id = %(source)s and e.content_hash = decode(i.hash, 'hex')
where k.source_id = e.source_id and k.mask = '' and not k.is_issued_here
  and e.type in ('key.created', 'key.cloned', 'key.rotated')
  and e.other_mask like '%%...%%' and left(k.prefix, 7) = left(e.other_mask, 7)
  and (e.type = 'key.rotated' or k.name = e.metadata::json ->> 'name')
  and (select count(*) from billing_apikey o
       where o.source_id = k.source_id
         and left(coalesce(nullif(o.prefix, ''), o.mask), 7) = left(k.prefix, 7)
         and (e.type = 'key.rotated' or o.name = k.name)) = 1
"""

TOUCHED_BY_EVENTS = """
select k.id
from json_to_recordset(%(rows)s::json) as i (key_mask text, other_mask text)
join billing_apikey k
    on k.source_id = %(source)s and k.mask <> '' and k.mask in (i.key_mask, i.other_mask)
"""

INSERT_LOG = """
insert into billing_requestlog
    (source_id, at, log_id, tool, key_mask, allowed, credits, duration_ms, deny_reason,
     request_id, content_hash)
select %(source)s, i.at, i.log_id, i.tool, i.key_mask, i.allowed, i.credits, i.duration_ms,
    i.deny_reason, i.request_id, decode(i.hash, 'hex')
from json_to_recordset(%(rows)s::json) as i (
    at timestamptz, log_id bigint, tool text, key_mask text, allowed boolean, credits numeric,
    duration_ms numeric, deny_reason text, request_id text, hash text)
order by i.at, i.log_id
on conflict (source_id, content_hash) do nothing
"""

INSERT_AUDIT = """
insert into billing_gatewayauditevent
    (source_id, at, audit_id, type, actor, message, metadata, content_hash)
select %(source)s, i.at, i.audit_id, i.type, i.actor, i.message, i.metadata,
    decode(i.hash, 'hex')
from json_to_recordset(%(rows)s::json) as i (
    at timestamptz, audit_id bigint, type text, actor text, message text, metadata text,
    hash text)
order by i.at, i.audit_id
on conflict (source_id, content_hash) do nothing
"""

GROUPS = """
insert into billing_keygroup as g
    (source_id, group_id, name, description, is_active, allowed_tools, denied_tools,
     ip_allowlist, rate_limit_per_min, tags, created_at, position, seen_at)
select distinct on (i.group_id) %(source)s, i.group_id, i.name, i.description, i.is_active,
    i.allowed_tools, i.denied_tools, i.ip_allowlist, i.rate_limit_per_min, i.tags, i.created_at,
    i.position, %(at)s
from json_to_recordset(%(rows)s::json) as i (
    group_id text, name text, description text, is_active boolean, allowed_tools text[],
    denied_tools text[], ip_allowlist text[], rate_limit_per_min bigint, tags jsonb,
    created_at timestamptz, position bigint)
order by i.group_id, i.position
on conflict (source_id, group_id) do update set
    name = excluded.name, description = excluded.description, is_active = excluded.is_active,
    allowed_tools = excluded.allowed_tools, denied_tools = excluded.denied_tools,
    ip_allowlist = excluded.ip_allowlist, rate_limit_per_min = excluded.rate_limit_per_min,
    tags = excluded.tags, created_at = excluded.created_at, position = excluded.position,
    seen_at = excluded.seen_at
where g.seen_at is null or g.seen_at <= excluded.seen_at
"""

_KEY_ROWS = """
    json_to_recordset(%(rows)s::json) as i (
        n int, digests text[], prefix text, mask text, name text, snapshot jsonb,
        position bigint, alias text, spending_limit numeric, allowed_tools text[],
        denied_tools text[], ip_allowlist text[], allowed_countries text[],
        denied_countries text[], expires_at timestamptz, expires_text text, quota jsonb,
        quota_daily_calls bigint, quota_monthly_calls bigint, quota_daily_credits numeric,
        quota_monthly_credits numeric, quota_day text, quota_month text, auto_topup jsonb,
        tags jsonb, namespace text, group_id text)
"""
_NAMES = (
    "alias spending_limit allowed_tools denied_tools ip_allowlist allowed_countries"
    " denied_countries expires_at expires_text quota quota_daily_calls quota_monthly_calls"
    " quota_daily_credits quota_monthly_credits quota_day quota_month auto_topup tags namespace"
    " group_id snapshot"
)
_ATTRIBUTES = _NAMES.split()

# Which key of ours each record is: by its secret's digest, else by its mask, else by its ten
# characters and its creation, else by these alone, else by seven characters and the name, else,
# for a successor whose predecessor is not known yet, by the seven alone. What fits two is none: a
# record with a secret is stored anew, one without is left out, and those it fits are listed as
# ambiguous. Of several that fit one, the first takes it. Keys issued here are no gateway's.
STORE_KEYS = f"""
with i as materialized (
    select * from {_KEY_ROWS}
    where not exists (
        select from billing_apikey k
        where k.source_id = %(source)s and k.is_issued_here and k.digest = any(i.digests))
),
candidates as (
    select i.n, k.id, 1 as how from i join billing_apikey k
        on k.source_id = %(source)s and k.digest = any(i.digests)
    union all
    select i.n, k.id, 2 from i join billing_apikey k
        on k.source_id = %(source)s and i.mask <> '' and k.mask = i.mask and k.digest is null
    union all
    select i.n, k.id, case when k.snapshot ->> 'createdAt' = i.snapshot ->> 'createdAt'
                           then 3 else 4 end
    from i join billing_apikey k
        on k.source_id = %(source)s and k.prefix = i.prefix
       and (k.digest is null or cardinality(i.digests) = 0) and not k.is_issued_here
    union all
    select i.n, k.id, case when k.name = i.name then 5 else 6 end from i join billing_apikey k
        on k.source_id = %(source)s and k.prefix = '' and k.digest is null and i.mask = ''
       and left(k.mask, 7) = left(i.prefix, 7)
       and (k.name = i.name or exists (
           select from billing_gatewayevent e
           where e.source_id = k.source_id and e.other_mask = k.mask and e.type = 'key.rotated'
             and not exists (
                 select from billing_apikey p
                 where p.source_id = e.source_id and p.mask = e.key_mask)))
),
ranked as (
    select n, id, how, min(how) over (partition by n) as closest from candidates
),
best as (
    select n, min(id) as id, count(distinct id) = 1 as is_sure from ranked where how = closest
    group by n
),
matched as (select min(n) as n, id from best where is_sure group by id),
kept as (
    update billing_apikey k set
        digest = coalesce(k.digest, i.digests[1]),
        prefix = case when k.prefix = '' then i.prefix else k.prefix end,
        mask = case when k.mask = '' then i.mask else k.mask end,
        position = case when i.position is null or k.snapshot_at > %(at)s then
            coalesce(k.position, i.position) else i.position end,
        {
    ", ".join(f"{name} = case when wins.ok then i.{name} else k.{name} end" for name in _ATTRIBUTES)
},
        snapshot_at = greatest(k.snapshot_at, %(at)s)
    from matched m
    join i on i.n = m.n
    cross join lateral (
        select coalesce(%(at)s >= o.snapshot_at, true) as ok, o.prefix = '' as is_new
        from billing_apikey o where o.id = m.id
    ) wins
    where k.id = m.id
    returning k.id, case when wins.is_new then left(k.prefix, 7) end as stem
),
made as (
    insert into billing_apikey
        (source_id, is_issued_here, prefix, mask, digest, pepper_version, name, credits,
         total_spent, total_calls, active, suspended, position, snapshot_at, is_ambiguous,
         {", ".join(_ATTRIBUTES)})
    select %(source)s, false, i.prefix, i.mask, i.digests[1], 1, i.name, 0, 0, 0, true, false,
        i.position, %(at)s, false, {", ".join(f"i.{name}" for name in _ATTRIBUTES)}
    from i
    where i.n not in (select m.n from matched m)
      and not (cardinality(i.digests) = 0 and i.n in (select b.n from best b where not is_sure))
    order by i.position, i.n
    on conflict do nothing
    returning id, left(prefix, 7) as stem
)
select id, stem from kept union all select id, stem from made
"""

INSERT_NOTES = """
insert into billing_keynote (key_id, author, text)
select k.id, 'gateway', note
from json_to_recordset(%(rows)s::json) as i (digests text[], prefix text, notes text[])
join billing_apikey k on k.source_id = %(source)s
    and (k.digest = any(i.digests) or (k.digest is null and k.prefix = i.prefix))
cross join lateral unnest(i.notes) note
where not exists (select from billing_keynote o where o.key_id = k.id and o.text = note)
"""
