"""Triggers that write the trail, and what keeps it as it was written.

They run when a transaction commits: the lock that puts entries in one row is then held for a moment
only, and never while other rows are waited for. Frozen text: a change is a new migration.
"""

from django.conf import settings
from django.db import migrations

LOCK = "1096107337, 0"

APPEND = f"""
create function audit_hash(
    p_previous bytea, p_id bigint, p_at timestamptz, p_actor text, p_action text,
    p_object_type text, p_object_id text, p_reason text, p_request_id text,
    p_before jsonb, p_after jsonb)
returns bytea language sql immutable parallel safe as $$
    select sha256(p_previous || convert_to(jsonb_build_array(
        p_id, extract(epoch from p_at), p_actor, p_action, p_object_type, p_object_id, p_reason,
        p_request_id, p_before, p_after)::text, 'UTF8'))
$$;
create function audit_append(
    p_action text, p_object_type text, p_object_id text, p_before jsonb, p_after jsonb)
returns void language plpgsql as $$
declare
    v_last record;
    v_id bigint;
    v_previous bytea;
    v_at timestamptz;
    v_actor text := left(coalesce(nullif(current_setting('audit.actor', true), ''),
        'database:' || session_user), 200);
    v_reason text := left(coalesce(current_setting('audit.reason', true), ''), 500);
    v_request text := left(coalesce(current_setting('audit.request_id', true), ''), 100);
    v_object text := left(p_object_id, 500);
begin
    perform pg_advisory_xact_lock({LOCK});
    select id, hash into v_last from audit_auditentry order by id desc limit 1;
    v_id := coalesce(v_last.id, 0) + 1;
    v_previous := coalesce(v_last.hash, '');
    v_at := clock_timestamp();
    insert into audit_auditentry (id, at, actor, action, object_type, object_id, reason,
        request_id, before, after, previous, hash)
    values (v_id, v_at, v_actor, p_action, p_object_type, v_object, v_reason, v_request,
        p_before, p_after, v_previous,
        audit_hash(v_previous, v_id, v_at, v_actor, p_action, p_object_type, v_object, v_reason,
            v_request, p_before, p_after));
end $$;
"""

# Arguments: columns that are secret and columns that are not looked at, each joined by commas; the
# column that identifies a row.
WRITE = """
create function audit_hidden(p_row jsonb, p_secret text[]) returns jsonb
language sql immutable parallel safe as $$
    select jsonb_object_agg(key, case
        when key = any(p_secret) and value not in ('null', '""') then '"(hidden)"' else value end)
    from jsonb_each(p_row)
$$;
create function audit_write() returns trigger language plpgsql as $$
declare
    v_secret text[] := string_to_array(tg_argv[0], ',');
    v_unseen text[] := string_to_array(tg_argv[1], ',');
    v_before jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - v_unseen end;
    v_after jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - v_unseen end;
    v_object text := coalesce(to_jsonb(new), to_jsonb(old)) ->> tg_argv[2];
begin
    if tg_op = 'UPDATE' then
        if v_before = v_after then
            return null;
        end if;
        select jsonb_object_agg(b.key, b.value), jsonb_object_agg(b.key, v_after -> b.key)
        into v_before, v_after
        from jsonb_each(v_before) b
        where b.value is distinct from v_after -> b.key;
    end if;
    perform audit_append(lower(tg_op), tg_table_name::text, v_object,
        audit_hidden(v_before, v_secret), audit_hidden(v_after, v_secret));
    return null;
end $$;
"""

# table: (columns that are secret, columns that machines keep up to date, when an update counts)
TABLES: dict[str, tuple[str, str, str]] = {
    "auth_user": ("password", "last_login", ""),
    "auth_group": ("", "", ""),
    "auth_user_groups": ("", "", ""),
    "auth_group_permissions": ("", "", ""),
    "auth_user_user_permissions": ("", "", ""),
    # the key is sealed anew with every code that fits
    "otp_totp_totpdevice": (
        "",
        "key,last_t,drift,throttling_failure_timestamp,throttling_failure_count,last_used_at",
        "",
    ),
    "otp_static_staticdevice": (
        "",
        "throttling_failure_timestamp,throttling_failure_count,last_used_at",
        "",
    ),
    "billing_admintoken": ("digest", "last_used_at", ""),
    "billing_source": ("signing_secret,previous_signing_secret,admin_key", "", ""),
    "billing_network": ("", "", ""),
    "billing_asset": ("", "", ""),
    "billing_nativeprice": ("", "", ""),
    "billing_gatewayconfig": ("", "updated_at", ""),
    "billing_toolprice": ("", "", ""),
    "billing_keygroup": ("", "seen_at", ""),
    "billing_rejectedevent": (
        "",
        "body,body_hash,times_seen,last_seen_at",
        "old.status is distinct from new.status",
    ),
    "billing_keyaction": ("secret", "attempts,due_at,sent_at", ""),
    "notify_endpoint": ("secret,previous_secret", "failing_since", ""),
    "notify_alertrule": ("", "evaluated_at,error", ""),
    "notify_alertrule_endpoints": ("", "", ""),
    "notify_alert": (
        "",
        "value",
        "old.acknowledged_by is distinct from new.acknowledged_by",
    ),
    "notify_mutingwindow": ("", "", ""),
}
# Whose rows come from producers and tasks, and are changed by people.
CHANGES_ONLY = ("billing_rejectedevent", "notify_alert")


# Where ingest adds rows by itself: which of the new ones are somebody's doing.
BY_PEOPLE = {
    "billing_network": "new.is_registered",
    "billing_asset": "new.decimals is not null or new.usd_peg is not null",
}
# Tables whose primary key is not `id`.
KEYS = {"billing_network": "chain_id", "billing_gatewayconfig": "source_id"}


def triggers(table: str, secret: str, unseen: str, when: str) -> str:
    """The triggers of a table. An update that touches only what is not looked at has no entry."""
    condition = when or _differs(unseen)
    how = f"audit_write('{secret}', '{unseen}', '{KEYS.get(table, 'id')}')"
    made = f"""
create constraint trigger {table}_change_is_audited after update on {table}
    deferrable initially deferred for each row when ({condition})
    execute function {how};
"""
    if table not in CHANGES_ONLY:
        by_people = f"when ({BY_PEOPLE[table]})" if table in BY_PEOPLE else ""
        made += f"""
create constraint trigger {table}_is_audited after insert on {table}
    deferrable initially deferred for each row {by_people} execute function {how};
create constraint trigger {table}_end_is_audited after delete on {table}
    deferrable initially deferred for each row execute function {how};
"""
    return made


def _differs(unseen: str) -> str:
    names = "{" + unseen + "}"
    return f"to_jsonb(old) - '{names}'::text[] is distinct from to_jsonb(new) - '{names}'::text[]"


KEEP = """
create function audit_refuse() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail is append-only' using errcode = 'restrict_violation';
end $$;
create trigger audit_is_append_only before update or delete on audit_auditentry
    for each row execute function audit_refuse();
create trigger audit_is_not_truncated before truncate on audit_auditentry
    for each statement execute function audit_refuse();
"""

DROP = """
drop trigger audit_is_not_truncated on audit_auditentry;
drop trigger audit_is_append_only on audit_auditentry;
drop function audit_refuse();
drop function audit_write() cascade;
drop function audit_hidden;
drop function audit_append;
drop function audit_hash;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0001_initial"),
        ("billing", "0011_second_factor"),
        ("notify", "0004_known_rules"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(
            [APPEND, WRITE, *(triggers(t, *how) for t, how in TABLES.items()), KEEP], [DROP]
        ),
    ]
