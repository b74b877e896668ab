"""What reports over metered calls share: sums, hours, categories of denials, the start.

Frozen text: a change is a new migration. The functions are single selects, so that PostgreSQL
inlines them and computes only the columns a report asks for; marked parallel safe, because the
planner looks for that before it inlines.
"""

from django.db import migrations

PARALLEL = """
alter function gateway_keys(bigint[], timestamptz) parallel safe;
alter function gateway_calls(bigint[], timestamptz, timestamptz) parallel safe;
"""

# The canonical reason of a denial; the first that fits. Two schemes, as the gateway has them.
CATEGORIES = """
create function gateway_denial(reason text) returns text
language sql immutable parallel safe as $$
    select case
        when strpos(reason, 'tool_rate_limited') > 0 then 'tool_rate_limited'
        when strpos(reason, 'rate_limited') > 0 then 'rate_limited'
        when strpos(reason, 'insufficient_credits') > 0 then 'insufficient_credits'
        when strpos(reason, 'key_suspended') > 0 then 'key_suspended'
        when strpos(reason, 'api_key_expired') > 0 then 'api_key_expired'
        when strpos(reason, 'invalid_api_key') > 0 then 'invalid_api_key'
        when strpos(reason, 'missing_api_key') > 0 then 'missing_api_key'
        when strpos(reason, 'token_tool_not_allowed') > 0 then 'token_tool_not_allowed'
        when strpos(reason, 'tool_not_allowed') > 0 then 'tool_not_allowed'
        when strpos(reason, 'ip_not_allowed') > 0 then 'ip_not_allowed'
        when strpos(reason, 'spending_limit_exceeded') > 0 then 'spending_limit_exceeded'
        when strpos(reason, 'quota_exceeded') > 0 then 'quota_exceeded'
        when strpos(reason, 'team_budget') > 0 then 'team_budget_exceeded'
        else 'other' end
$$;
create function gateway_sla_reason(reason text) returns text
language sql immutable parallel safe as $$
    select case
        when strpos(reason, 'insufficient_credits') > 0 then 'insufficient_credits'
        when strpos(reason, 'rate_limited') > 0 then 'rate_limited'
        when strpos(reason, 'quota') > 0 then 'quota_exceeded'
        when strpos(reason, 'acl') > 0 or strpos(reason, 'not allowed') > 0 then 'acl_denied'
        when strpos(reason, 'spending_limit') > 0 then 'spending_limit'
        when strpos(reason, 'suspended') > 0 then 'key_suspended'
        when strpos(reason, 'expired') > 0 then 'key_expired'
        else coalesce(nullif(split_part(reason, ':', 1), ''), 'unknown') end
$$;
"""

# Calls of every name, tool and namespace, and of all: part says which. first: the first one's rank.
# Tools have a pass of their own, because there are nearly as many pairs of name and tool as calls.
SUMS = """
create function gateway_sums(
    p_sources bigint[], p_from timestamptz, p_to timestamptz, p_namespace text)
returns table (
    part text, label text, calls bigint, allowed bigint, denied bigint, rate_limited bigint,
    credits numeric, first bigint, first_allowed bigint)
language sql stable parallel safe as $$
    select
        case grouping(n.name, n.namespace)
            when 3 then 'all' when 1 then 'name' else 'namespace' end,
        coalesce(n.name, n.namespace, ''),
        coalesce(sum(n.calls), 0)::bigint,
        coalesce(sum(n.allowed), 0)::bigint,
        coalesce(sum(n.calls - n.allowed), 0)::bigint,
        coalesce(sum(n.rate_limited), 0)::bigint,
        coalesce(sum(n.credits), 0),
        min(n.first),
        min(n.first_allowed)
    from (
        select c.name, coalesce(nullif(c.namespace, ''), 'default') as namespace,
            count(*) as calls,
            count(*) filter (where c.allowed) as allowed,
            count(*) filter (where not c.allowed and strpos(c.deny_reason, 'rate_limited') > 0)
                as rate_limited,
            sum(c.credits) filter (where c.allowed) as credits,
            min(c.rank) as first,
            min(c.rank) filter (where c.allowed) as first_allowed
        from gateway_calls(p_sources, p_from, p_to) c
        where p_namespace is null or c.namespace = p_namespace
        group by 1, 2
    ) n
    group by grouping sets ((), (n.name), (n.namespace))
    union all
    select 'tool', c.tool,
        count(*),
        count(*) filter (where c.allowed),
        count(*) filter (where not c.allowed),
        count(*) filter (where not c.allowed and strpos(c.deny_reason, 'rate_limited') > 0),
        coalesce(sum(c.credits) filter (where c.allowed), 0),
        min(c.rank),
        min(c.rank) filter (where c.allowed)
    from gateway_calls(p_sources, p_from, p_to) c
    where p_namespace is null or c.namespace = p_namespace
    group by c.tool
$$;
"""

# Hours of a zone that have calls, summed by quarters: every zone begins its hours at one.
# refused: denied with a reason.
HOURS = """
create function gateway_hours(
    p_sources bigint[], p_from timestamptz, p_to timestamptz, p_namespace text, p_zone text)
returns table (
    hour timestamptz, calls bigint, allowed bigint, denied bigint, refused bigint,
    rate_limited bigint, quota_denied bigint, credits numeric)
language sql stable parallel safe as $$
    select date_trunc('hour', q.quarter, p_zone),
        sum(q.calls)::bigint, sum(q.allowed)::bigint, sum(q.calls - q.allowed)::bigint,
        sum(q.refused)::bigint, sum(q.rate_limited)::bigint, sum(q.quota_denied)::bigint,
        sum(q.credits)
    from (
        select date_bin('15 minutes', c.at, '1970-01-01 00:00:00+00') as quarter,
            count(*) as calls,
            count(*) filter (where c.allowed) as allowed,
            count(*) filter (where not c.allowed and c.deny_reason <> '') as refused,
            count(*) filter (where not c.allowed and strpos(c.deny_reason, 'rate_limited') > 0)
                as rate_limited,
            count(*) filter (where not c.allowed and strpos(c.deny_reason, 'quota_exceeded') > 0)
                as quota_denied,
            coalesce(sum(c.credits) filter (where c.allowed), 0) as credits
        from gateway_calls(p_sources, p_from, p_to) c
        where p_namespace is null or c.namespace = p_namespace
        group by 1
    ) q
    group by 1
$$;
create function gateway_hour(hour timestamptz, zone text) returns text
language sql stable parallel safe as $$
    select to_char(hour at time zone zone, 'YYYY-MM-DD"T"HH24')
$$;
"""

# The object in a JSON column; null when there is none.
# gateway_limit: a limit in a quota; what is no number is none.
OBJECTS = """
create function gateway_object(value jsonb) returns jsonb
language sql immutable parallel safe as $$
    select case when jsonb_typeof(value) = 'object' then value end
$$;
create function gateway_limit(quota jsonb, name text) returns numeric
language sql immutable parallel safe as $$
    select case when jsonb_typeof(quota -> name) = 'number' then (quota ->> name)::numeric end
$$;
"""

# When the gateway began to run: as it said, else its first fact; of several the earliest.
STARTED = """
create function gateway_started(p_sources bigint[], p_now timestamptz) returns timestamptz
language sql stable parallel safe as $$
    select coalesce(
        (select min(g.started_at) from billing_gatewayconfig g
         where p_sources is null or g.source_id = any(p_sources)),
        (select min(f.at) from billing_source s
         cross join lateral (
             (select u.at from billing_usageevent u where u.source_id = s.id
              order by u.rank limit 1)
             union all
             select min(r.at) from billing_requestlog r where r.source_id = s.id
             union all
             select min(e.at) from billing_gatewayauditevent e where e.source_id = s.id
         ) f
         where (p_sources is null or s.id = any(p_sources)) and f.at <= p_now))
$$;
"""

DROP = """
drop function gateway_started;
drop function gateway_limit;
drop function gateway_object;
drop function gateway_hour;
drop function gateway_hours;
drop function gateway_sums;
drop function gateway_sla_reason;
drop function gateway_denial;
alter function gateway_calls(bigint[], timestamptz, timestamptz) parallel unsafe;
alter function gateway_keys(bigint[], timestamptz) parallel unsafe;
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0005_gateway")]

    operations = [
        migrations.RunSQL([PARALLEL, CATEGORIES, SUMS, HOURS, OBJECTS, STARTED], [DROP]),
    ]
