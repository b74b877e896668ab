"""The statements of a verification. Its transaction runs about six of them."""

# Whoever comes second with a request id waits here until the first has its answer.
CLAIM = """
insert into billing_keyverification (source_id, request_id, fingerprint, at)
values (%(source)s, %(request_id)s, %(fingerprint)s, clock_timestamp())
on conflict (source_id, request_id) do nothing
returning id
"""

LOCK_KEY = """
select k.id, k.name, k.prefix, k.namespace, k.active, k.suspended, k.expires_at, k.credits,
    k.total_spent, k.spending_limit,
    case when cardinality(k.allowed_tools) > 0 then k.allowed_tools
         else coalesce(g.allowed_tools, '{}') end,
    k.denied_tools || coalesce(g.denied_tools, '{}'),
    k.ip_allowlist || coalesce(g.ip_allowlist, '{}'),
    coalesce(nullif(k.quota, 'null'), c.quota)::text,
    k.quota_day, k.quota_month, k.quota_daily_calls, k.quota_monthly_calls,
    k.quota_daily_credits, k.quota_monthly_credits,
    coalesce(nullif(g.rate_limit_per_min, 0), c.rate_limit_per_min, 0),
    greatest(coalesce(%(price)s, p.credits_per_call, c.default_credits, 1), 0),
    date_trunc('milliseconds', clock_timestamp())
from billing_apikey k
left join billing_keygroup g
    on g.source_id = k.source_id and g.group_id = k.group_id and g.is_active
left join billing_gatewayconfig c on c.source_id = k.source_id
left join billing_toolprice p on p.source_id = k.source_id and p.tool = %(tool)s
where k.source_id = %(source)s and k.is_issued_here and k.digest = any(%(digests)s)
for update of k
"""

RECENT_CALLS = """
select count(*) from billing_usageevent
where key_id = %(key)s and at > %(now)s::timestamptz - interval '1 minute' and allowed
"""

# A counter of an older day or month begins anew with this call.
COUNT_CALL = """
update billing_apikey set
    total_spent = total_spent + %(price)s,
    total_calls = total_calls + 1,
    last_used_at = greatest(last_used_at, %(now)s),
    quota_day = %(day)s,
    quota_month = %(month)s,
    quota_daily_calls = %(daily_calls)s,
    quota_monthly_calls = %(monthly_calls)s,
    quota_daily_credits = %(daily_credits)s + %(price)s,
    quota_monthly_credits = %(monthly_credits)s + %(price)s,
    digest = %(digest)s,
    pepper_version = %(pepper_version)s
where id = %(key)s
"""

ADD_USAGE = """
insert into billing_usageevent
    (source_id, key_id, at, rank, key_prefix, key_name, tool, credits, allowed, deny_reason,
     namespace, content_hash, ordinal)
select %(source)s, %(key)s, t.at, t.base + coalesce(
        (select max(u.rank) - t.base + 1 from billing_usageevent u
         where u.source_id = %(source)s
           and u.rank >= t.base and u.rank < t.base + %(places)s - 1), 0),
    %(prefix)s, %(name)s, %(tool)s, %(credits)s, %(reason)s::text is null, %(reason)s,
    %(namespace)s, %(hash)s, 1
from (
    select at, (extract(epoch from at) * 1000)::bigint * %(places)s as base
    from (select coalesce(%(now)s, date_trunc('milliseconds', clock_timestamp())) as at) n
) t
"""

ANSWER = "update billing_keyverification set answer = %(answer)s::jsonb where id = %(id)s"
