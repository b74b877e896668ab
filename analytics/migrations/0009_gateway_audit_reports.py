"""What the audit reports of gateways read: the audit log in its order, and names objects lack.

Frozen text: a change is a new migration.
"""

from django.db import migrations

# rank: the order in which the gateway logged. Its ids begin anew when it restarts, so the moment
# leads; beyond 2039 a bigint holds no more milliseconds of it, and the id alone decides.
AUDIT = """
create function gateway_audit(p_sources bigint[], p_from timestamptz, p_to timestamptz)
returns table (
    source_id bigint, at timestamptz, audit_id bigint, rank bigint, type text, actor text,
    message text, metadata text)
language sql stable as $$
    select a.source_id, a.at, a.audit_id,
        (date_part('epoch', least(a.at, timestamptz '2039-01-01 00:00Z')) * 1000)::bigint * 4194304
            + (a.audit_id & 4194303),
        a.type::text, a.actor, a.message, a.metadata
    from billing_gatewayauditevent a
    where (p_sources is null or a.source_id = any(p_sources))
      and (p_from is null or a.at >= p_from) and a.at < p_to
$$;
"""

# An export shows so many entries, however many there are. Both ends are included.
NEWEST = """
create function gateway_newest_audit(
    p_sources bigint[], p_since timestamptz, p_until timestamptz)
returns table (
    at timestamptz, rank bigint, type text, actor text, message text, metadata text)
language sql stable as $$
    select a.at, a.rank, a.type, a.actor, a.message, a.metadata
    from gateway_audit(p_sources, p_since, p_until + interval '1 microsecond') a
    order by a.rank desc
    limit 1000
$$;
"""

# A JavaScript object that counts by name has these members from birth, so it never counts them.
INHERITED = """
create function gateway_is_inherited(name text) returns boolean
language sql immutable parallel safe as $$
    select name in (
        '__proto__', 'constructor', 'hasOwnProperty', 'isPrototypeOf', 'propertyIsEnumerable',
        'toLocaleString', 'toString', 'valueOf', '__defineGetter__', '__defineSetter__',
        '__lookupGetter__', '__lookupSetter__')
$$;
"""

DROP = """
drop function gateway_is_inherited;
drop function gateway_newest_audit;
drop function gateway_audit;
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0008_gateway_meter_reports")]

    operations = [migrations.RunSQL([AUDIT, NEWEST, INHERITED], [DROP])]
