"""What gateway reports read: keys, calls, log and audit in one place, and JavaScript's rounding.

Frozen text: a change is a new migration. The functions are single selects, so that PostgreSQL
inlines them into the statements that use them.
"""

from django.db import migrations

# JavaScript's Math.round is floor(x + 0.5) of a double; the figures of a gateway are such.
NUMBERS = r"""
create function gateway_round(x double precision) returns numeric
language sql immutable parallel safe as $$ select floor(x + 0.5)::numeric $$;
create function gateway_round(x double precision, digits int) returns numeric
language sql immutable parallel safe as $$
    select (floor(x * power(10::double precision, digits) + 0.5)
            / power(10::double precision, digits))::numeric
$$;
create function gateway_pct(part numeric, whole numeric) returns numeric
language sql immutable parallel safe as $$
    select case when whole = 0 then 0
           else floor(part::double precision / whole::double precision * 100 + 0.5)::numeric end
$$;
-- JavaScript lists integer-like members of an object first, ascending.
create function gateway_member(name text) returns bigint
language sql immutable parallel safe as $$
    select case when name ~ '^(0|[1-9][0-9]{0,9})$' and name::bigint < 4294967295
           then name::bigint end
$$;
-- JavaScript sorts text by UTF-16 units, where what lies beyond U+FFFF precedes U+E000 to U+FFFF.
-- To be compared by collation "C".
create function gateway_units(name text) returns text
language sql immutable parallel safe as $$
    select case when octet_length(name) = length(name) then name
           else regexp_replace(name, '([\uE000-\uFFFF])', chr(1114111) || '\1', 'g') end
$$;
create function gateway_iso(at timestamptz) returns text
language sql stable parallel safe as $$
    select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;
"""

# place: the gateway's own order of keys, in which reports meet them.
KEYS = """
create function gateway_keys(p_sources bigint[], p_now timestamptz)
returns table (
    id bigint, source_id bigint, place bigint, name text, prefix text, mask text,
    credits numeric, spent numeric, calls bigint, allocated numeric,
    created_at timestamptz, last_used_at timestamptz, expires_at timestamptz, expires_text text,
    active boolean, suspended boolean, is_live boolean, is_act boolean, is_expired boolean,
    namespace text, group_id text, age_hours double precision)
language sql stable as $$
    select k.id, k.source_id,
        row_number() over (order by k.source_id, k.position nulls last, k.created_at, k.id),
        k.name::text, k.prefix::text, k.mask::text,
        k.credits, k.total_spent, k.total_calls, k.credits + k.total_spent,
        k.created_at, k.last_used_at, k.expires_at,
        coalesce(nullif(k.expires_text, ''), gateway_iso(k.expires_at)),
        k.active, k.suspended, k.active, k.active and not k.suspended,
        coalesce(k.expires_at <= p_now, false),
        k.namespace::text, k.group_id::text,
        (extract(epoch from p_now) - extract(epoch from k.created_at))::double precision / 3600
    from billing_apikey k
    where p_sources is null or k.source_id = any(p_sources)
$$;
"""

# rank: the order in which the gateway metered the calls.
CALLS = """
create function gateway_calls(p_sources bigint[], p_from timestamptz, p_to timestamptz)
returns table (
    source_id bigint, key_id bigint, at timestamptz, rank bigint, name text, key_prefix text,
    tool text, credits numeric, allowed boolean, deny_reason text, namespace text)
language sql stable as $$
    select u.source_id, u.key_id, u.at, u.rank,
        case when u.key_name = '' then u.key_prefix::text else u.key_name end,
        u.key_prefix::text, u.tool, u.credits, u.allowed, u.deny_reason, u.namespace
    from billing_usageevent u
    where (p_sources is null or u.source_id = any(p_sources))
      and (p_from is null or (u.at >= p_from
        and u.rank >= floor(extract(epoch from p_from) * 1000)::bigint * 1048576))
      and u.at < p_to
$$;
"""

# ord: the order in which the gateway logged the requests.
LOG = """
create function gateway_log(p_sources bigint[], p_from timestamptz, p_to timestamptz)
returns table (
    source_id bigint, at timestamptz, ord bigint, tool text, mask text, allowed boolean,
    credits numeric, duration_ms numeric, deny_reason text)
language sql stable as $$
    select r.source_id, r.at, row_number() over (order by r.source_id, r.at, r.log_id, r.id),
        r.tool, r.key_mask, r.allowed, r.credits, r.duration_ms, r.deny_reason
    from billing_requestlog r
    where (p_sources is null or r.source_id = any(p_sources))
      and (p_from is null or r.at >= p_from) and r.at < p_to
$$;
"""

DROP = """
drop function gateway_log;
drop function gateway_calls;
drop function gateway_keys;
drop function gateway_iso;
drop function gateway_units;
drop function gateway_member;
drop function gateway_pct;
drop function gateway_round(double precision, int);
drop function gateway_round(double precision);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0004_read_uniques_and_histograms"),
        ("billing", "0005_gateway_rules"),
    ]

    operations = [migrations.RunSQL([NUMBERS, KEYS, CALLS, LOG], [DROP])]
