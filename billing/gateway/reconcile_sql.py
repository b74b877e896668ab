"""How the ledgers of a gateway are compared: each part begins with the calls it is about."""

# Calls as each way showed them, in the stretch that both cover.
SEEN = """
with seen as (
    select u.at, s.webhook_times as webhook, s.ring_times as export
    from billing_usageevent u
    join billing_usagesighting s
        on s.source_id = u.source_id and s.content_hash = u.content_hash
    where u.source_id = %(source)s and u.ordinal = 1
      and u.rank >= (extract(epoch from now() - make_interval(days => %(days)s)) * 1000)::bigint
                    * 1048576
), span as (
    select greatest(min(at) filter (where webhook > 0), min(at) filter (where export > 0)) as first,
        least(max(at) filter (where webhook > 0), max(at) filter (where export > 0)) as last
    from seen
    having bool_or(webhook > 0) and bool_or(export > 0)
), shared as (
    select date_trunc('hour', at, 'UTC') as hour, webhook, export
    from seen, span where at between first and last
)
"""
WAYS = """
select (select first from span), (select last from span),
    coalesce(sum(least(webhook, export)), 0)::bigint,
    coalesce(sum(greatest(webhook - export, 0)), 0)::bigint,
    coalesce(sum(greatest(export - webhook, 0)), 0)::bigint
from shared
"""
HOURS = """
select hour, sum(greatest(webhook - export, 0))::bigint, sum(greatest(export - webhook, 0))::bigint
from shared where webhook <> export
group by hour order by hour desc limit %(rows)s
"""

# Allowed calls by mask and hour in the meter and in the request log, where both cover the time. A
# call is metered when it begins and logged when it ends: its entry tells how long it took.
LEDGER_CALLS = """
with since as (select now() - make_interval(days => %(days)s) as at), span as (
    select greatest(l.first, m.first, since.at) as first, least(l.last, m.last) as last
    from since,
        (select (select at - duration_ms::float8 * interval '1 ms' from billing_requestlog
                 where source_id = %(source)s order by at, log_id limit 1) as first,
                (select at from billing_requestlog
                 where source_id = %(source)s order by at desc, log_id desc limit 1) as last) l,
        (select (select at from billing_usageevent where source_id = %(source)s
                 order by rank limit 1) as first,
                (select at from billing_usageevent where source_id = %(source)s
                 order by rank desc limit 1) as last) m
    where l.first is not null and m.first is not null
), metered as (
    select coalesce(k.mask, '') as mask, date_trunc('hour', u.at, 'UTC') as hour, count(*) as calls
    from span, billing_usageevent u left join billing_apikey k on k.id = u.key_id
    where u.source_id = %(source)s and u.allowed and u.deny_reason is distinct from 'refund'
      and u.rank >= (extract(epoch from first) * 1000)::bigint * 1048576 and u.at <= last
    group by 1, 2
), logged as (
    select l.key_mask as mask, date_trunc('hour', began, 'UTC') as hour, count(*) as calls
    from span, billing_requestlog l
    cross join lateral (select l.at - l.duration_ms::float8 * interval '1 ms' as began) b
    where l.source_id = %(source)s and l.allowed and l.at >= first and began between first and last
    group by 1, 2
), compared as (
    select mask, hour, coalesce(m.calls, 0) as metered, coalesce(l.calls, 0) as logged
    from metered m full join logged l using (mask, hour)
)
"""
LEDGERS = """
select (select first from span), (select last from span),
    coalesce(sum(least(metered, logged)), 0)::bigint,
    coalesce(sum(greatest(metered - logged, 0)) filter (where mask <> ''), 0)::bigint,
    coalesce(sum(greatest(logged - metered, 0)), 0)::bigint,
    coalesce(sum(metered) filter (where mask = ''), 0)::bigint
from compared
"""
KEY_HOURS = """
select mask, hour, metered, logged
from compared where metered <> logged and mask <> ''
order by abs(metered - logged) desc, hour desc, mask collate "C" limit %(rows)s
"""

# What a key's newest record says, and its calls until then.
KEY_RECORDS = """
with totals as (
    select k.id, coalesce(nullif(k.mask, ''), k.prefix) as looks, k.name,
        (k.snapshot ->> 'totalSpent')::numeric as spent,
        (k.snapshot ->> 'totalCalls')::bigint as calls,
        coalesce(sum(u.credits), 0) as spent_by_calls,
        coalesce(sum(case when u.deny_reason = 'refund' then -1 else 1 end)
                 filter (where u.id is not null), 0)::bigint as calls_counted
    from billing_apikey k
    left join billing_usageevent u on u.key_id = k.id and u.allowed and u.at <= k.snapshot_at
    where k.source_id = %(source)s and k.snapshot is not null and not k.is_issued_here
    group by k.id
), differing as (
    select * from totals where (spent, calls) <> (spent_by_calls, calls_counted)
)
"""
TOTALS = """
select (select count(*) from totals), count(*), coalesce(sum(spent - spent_by_calls), 0),
    coalesce(sum(calls - calls_counted), 0)::bigint
from differing
"""
KEY_TOTALS = """
select looks, name, spent, spent_by_calls, calls, calls_counted
from differing order by abs(spent - spent_by_calls) desc, abs(calls - calls_counted) desc, id
limit %(rows)s
"""
