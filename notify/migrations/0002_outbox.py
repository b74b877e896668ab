"""Facts write their messages themselves, and messages find their endpoints.

Statement-level triggers in the writer's own transaction: a fact and its message are committed
together or not at all. Each looks at the small table of endpoints first, so that without a
subscriber a write costs one look. The unique event id is made of the fact's own identity, so a
fact written again is not told again. Frozen text: a change is a new migration.
"""

from django.db import migrations

PAYMENTS = """
create function notify_wants(p_types varchar[]) returns boolean language sql stable as $$
    select exists (select 1 from notify_endpoint where enabled and events && p_types)
$$;

create function notify_payment_data(p billing_payment) returns jsonb language sql stable as $$
    select jsonb_strip_nulls(jsonb_build_object(
        'paymentId', p.payment_id, 'status', p.status, 'network', p.network_id,
        'asset', p.asset, 'payer', p.payer, 'payee', p.payee, 'amount', p.amount::text,
        'amountUsd', p.amount_usd::text, 'fee', p.fee::text, 'feeUsd', p.fee_usd::text,
        'transaction', p.transaction, 'resource', p.resource, 'errorClass', p.error_class,
        'error', p.error, 'at', case p.status when 'settled' then p.settled_at else p.failed_at end))
$$;

-- the changed rows are grouped, never joined: PostgreSQL knows no size of them and would compare all
-- read again by id: every row was written by this very statement, so it is as written
create function notify_payments(p_ids bigint[]) returns void language sql as $$
    insert into notify_message (event_id, type, source_id, data)
    select 'payment.' || p.status || ':' || p.id, 'payment.' || p.status, p.source_id,
        notify_payment_data(p)
    from billing_payment p where p.id = any(p_ids) and p.status in ('settled', 'failed')
    order by p.id
    on conflict (event_id) do nothing
$$;

create function notify_payment_insert() returns trigger language plpgsql as $$
begin
    if notify_wants(array['payment.settled', 'payment.failed']) then
        perform notify_payments(array(
            select id from changed where status in ('settled', 'failed')));
    end if;
    return null;
end $$;

create function notify_payment_update() returns trigger language plpgsql as $$
begin
    if notify_wants(array['payment.settled', 'payment.failed']) then
        perform notify_payments(array(
            select b.id from (
                select id, status as now, null as before from changed
                union all select id, null, status from previous) b
            group by b.id
            having max(b.now) in ('settled', 'failed')
               and max(b.now) is distinct from max(b.before)));
    end if;
    return null;
end $$;

create trigger payment_is_told_on_insert after insert on billing_payment
    referencing new table as changed for each statement execute function notify_payment_insert();
create trigger payment_is_told_on_update after update on billing_payment
    referencing old table as previous new table as changed for each statement
    execute function notify_payment_update();
"""

REVENUE = """
create function notify_revenue_insert() returns trigger language plpgsql as $$
begin
    if not notify_wants(array['revenue.recorded']) then return null; end if;
    insert into notify_message (event_id, type, source_id, data)
    select 'revenue.recorded:' || md5(row(c.source_id, c.kind, c.is_projection, c.event_id,
            c.payment_id, c.batch_id)::text), 'revenue.recorded', c.source_id,
        jsonb_strip_nulls(jsonb_build_object(
            'kind', c.kind, 'eventId', c.event_id, 'paymentId', c.payment_id,
            'batchId', c.batch_id, 'network', c.network_id, 'asset', c.asset,
            'amount', c.amount::text, 'amountUsd', c.amount_usd::text, 'at', c.at))
    from changed c order by c.id
    on conflict (event_id) do nothing;
    return null;
end $$;
create trigger revenue_is_told after insert on billing_revenuerecord
    referencing new table as changed for each statement execute function notify_revenue_insert();
"""

KEYS = """
create function notify_key_update() returns trigger language plpgsql as $$
begin
    if not notify_wants(array['key.low_balance']) then return null; end if;
    insert into notify_message (event_id, type, source_id, data)
    select 'key.low_balance:' || n.id || ':' || trim_scale(l.low_balance) || ':'
            || pg_current_xact_id(), 'key.low_balance', n.source_id,
        jsonb_build_object('keyId', n.id, 'name', n.name, 'mask', n.mask,
            'namespace', n.namespace, 'credits', trim_scale(n.credits)::text,
            'threshold', trim_scale(l.low_balance)::text)
    from (
        select id, max(now) as now, max(before) as before from (
            select id, credits as now, null::numeric as before from changed
            union all select id, null, credits from previous) b
        group by id
    ) m
    join (select distinct low_balance from notify_endpoint
          where enabled and 'key.low_balance' = any(events)) l
        on m.before >= l.low_balance and m.now < l.low_balance
    join billing_apikey n on n.id = m.id
    where n.active
    order by n.id, l.low_balance
    on conflict (event_id) do nothing;
    return null;
end $$;
create trigger key_is_told_when_low after update on billing_apikey
    referencing old table as previous new table as changed for each statement
    execute function notify_key_update();
"""

FANNED_OUT = """
create function notify_fan_out() returns trigger language plpgsql as $$
begin
    insert into notify_delivery (message_id, endpoint_id, give_up_at)
    select m.id, e.id, statement_timestamp() + interval '24 hours'
    from added m join notify_endpoint e
        on e.enabled and m.type = any(e.events)
        and (e.source_id is null or e.source_id = m.source_id)
        and (m.type <> 'key.low_balance' or e.low_balance = (m.data->>'threshold')::numeric)
    order by m.id, e.id
    on conflict do nothing;
    return null;
end $$;
create trigger message_finds_endpoints after insert on notify_message
    referencing new table as added for each statement execute function notify_fan_out();
"""

DROP = """
drop trigger message_finds_endpoints on notify_message;
drop trigger key_is_told_when_low on billing_apikey;
drop trigger revenue_is_told on billing_revenuerecord;
drop trigger payment_is_told_on_update on billing_payment;
drop trigger payment_is_told_on_insert on billing_payment;
drop function notify_fan_out();
drop function notify_key_update();
drop function notify_revenue_insert();
drop function notify_payment_update();
drop function notify_payment_insert();
drop function notify_payments(bigint[]);
drop function notify_payment_data(billing_payment);
drop function notify_wants(varchar[]);
"""


class Migration(migrations.Migration):
    dependencies = [("notify", "0001_initial"), ("billing", "0008_key_verification")]

    operations = [migrations.RunSQL([PAYMENTS, REVENUE, KEYS, FANNED_OUT], DROP)]
