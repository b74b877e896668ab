"""What a scrape of /metrics reads instead of every call and every receipt.

Calls by tool and outcome are folded from the same deltas as all usage; receipts have deltas of
their own. Whoever reads totals and deltas in one snapshot reads the exact figure. Frozen text: a
change is a new migration.
"""

from django.db import migrations

KINDS = "source_id, key_prefix, name, tool, namespace, allowed, deny_reason"
MEASURES = """
    sum(d.calls)::bigint as calls,
    coalesce(sum(d.calls) filter (where d.allowed), 0)::bigint as allowed,
    coalesce(sum(d.calls) filter (where not d.allowed and d.deny_reason <> ''), 0)::bigint
        as refused,
    coalesce(sum(d.calls) filter (
        where not d.allowed and strpos(d.deny_reason, 'rate_limited') > 0), 0)::bigint
        as rate_limited,
    coalesce(sum(d.calls) filter (
        where not d.allowed and strpos(d.deny_reason, 'quota_exceeded') > 0), 0)::bigint
        as quota_denied,
    coalesce(sum(d.credits) filter (where d.allowed), 0) as credits"""

# A gateway meters a refund as an allowed call with this reason; it is no call.
OUTCOME = """
create function analytics_outcome(allowed boolean, deny_reason text) returns text
language sql immutable parallel safe as $$
    select case when not allowed then gateway_denial(deny_reason)
        when deny_reason = 'refund' then 'refund' else 'allowed' end
$$;
"""

TOOLS = """, tools as (
        insert into analytics_usagetool as u (source_id, tool, outcome, digest, calls, credits)
        select d.source_id, d.tool, d.outcome, md5(row(d.tool, d.outcome)::text)::uuid as digest,
            sum(d.calls), sum(d.credits)
        from (select t.*, analytics_outcome(t.allowed, t.deny_reason) as outcome from taken t) d
        group by d.source_id, d.tool, d.outcome
        order by d.source_id, digest
        on conflict (source_id, digest) do update set
            calls = u.calls + excluded.calls, credits = u.credits + excluded.credits
        returning 1
    )"""


def fold(more: str) -> str:
    """analytics_fold_usage() as it was, with one more thing to write."""
    return f"""
create or replace function analytics_fold_usage(p_limit int) returns bigint language plpgsql as $$
declare
    v_taken bigint;
begin
    with taken as materialized (
        delete from analytics_usagedelta
        where id in (select id from analytics_usagedelta order by id limit p_limit)
        returning *
    ), totals as (
        insert into analytics_usagetotal as t ({KINDS}, digest, calls, credits, first)
        select {KINDS}, analytics_usage_digest(key_prefix, name, tool, namespace, allowed,
            deny_reason) as digest, sum(calls), sum(credits), min(first)
        from taken group by {KINDS}
        order by source_id, digest
        on conflict (source_id, digest) do update set
            calls = t.calls + excluded.calls, credits = t.credits + excluded.credits,
            first = least(t.first, excluded.first)
        returning 1
    ), quarters as (
        insert into analytics_usagequarter as q (source_id, bucket, namespace, digest, calls,
            allowed, refused, rate_limited, quota_denied, credits)
        select d.source_id, d.bucket, d.namespace, md5(row(d.namespace)::text)::uuid as digest,
            {MEASURES}
        from taken d group by d.source_id, d.bucket, d.namespace
        order by d.source_id, d.bucket, digest
        on conflict (source_id, bucket, digest) do update set
            calls = q.calls + excluded.calls, allowed = q.allowed + excluded.allowed,
            refused = q.refused + excluded.refused,
            rate_limited = q.rate_limited + excluded.rate_limited,
            quota_denied = q.quota_denied + excluded.quota_denied,
            credits = q.credits + excluded.credits
        returning 1
    ){more}
    select count(*) into v_taken from taken;
    return v_taken;
end $$;
"""  # noqa: S608 - composed of constants


FOLDED = """
insert into analytics_usagetool (source_id, tool, outcome, digest, calls, credits)
select t.source_id, t.tool, t.outcome, md5(row(t.tool, t.outcome)::text)::uuid, sum(t.calls),
    sum(t.credits)
from (select u.*, analytics_outcome(u.allowed, u.deny_reason) as outcome
      from analytics_usagetotal u) t
group by t.source_id, t.tool, t.outcome;
"""

READ = """
create view analytics_tool_live as
    select source_id, tool, outcome, calls, credits from analytics_usagetool
    union all
    select source_id, tool, analytics_outcome(allowed, deny_reason), calls, credits
    from analytics_usagedelta;
create view analytics_receipt_live as
    select source_id, accepted, duplicate, conflict, rejected from analytics_receipttotal
    union all
    select source_id, accepted, duplicate, conflict, rejected from analytics_receiptdelta;
"""

# Two that fold at once take different deltas. Returns deltas taken.
RECEIPTS = """
create function analytics_add_receipt() returns trigger language plpgsql as $$
begin
    insert into analytics_receiptdelta (source_id, accepted, duplicate, conflict, rejected)
    select source_id, accepted, duplicate, conflict, rejected from added;
    return null;
end $$;
create trigger receipt_is_counted after insert on billing_ingestreceipt
    referencing new table as added for each statement execute function analytics_add_receipt();
create function analytics_fold_receipts(p_limit int) returns bigint language plpgsql as $$
declare
    v_taken bigint;
begin
    with taken as materialized (
        delete from analytics_receiptdelta
        where id in (select id from analytics_receiptdelta
                     order by id limit p_limit for update skip locked)
        returning *
    ), totals as (
        insert into analytics_receipttotal as t
            (source_id, accepted, duplicate, conflict, rejected)
        select source_id, sum(accepted), sum(duplicate), sum(conflict), sum(rejected)
        from taken group by 1 order by 1
        on conflict (source_id) do update set
            accepted = t.accepted + excluded.accepted,
            duplicate = t.duplicate + excluded.duplicate,
            conflict = t.conflict + excluded.conflict,
            rejected = t.rejected + excluded.rejected
        returning 1
    )
    select count(*) into v_taken from taken;
    return v_taken;
end $$;
insert into analytics_receipttotal (source_id, accepted, duplicate, conflict, rejected)
select source_id, sum(accepted), sum(duplicate), sum(conflict), sum(rejected)
from billing_ingestreceipt group by 1;
"""

DROP = """
drop function analytics_fold_receipts;
drop trigger receipt_is_counted on billing_ingestreceipt;
drop function analytics_add_receipt();
drop view analytics_receipt_live;
drop view analytics_tool_live;
drop function analytics_outcome;
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0012_metrics")]

    operations = [
        migrations.RunSQL([OUTCOME, fold(TOOLS), FOLDED, READ, RECEIPTS], [DROP, fold("")]),
    ]
