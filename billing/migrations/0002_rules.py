"""The rules of the facts, in the database: what a payment's columns are, what may never change.

Frozen text: a later change of a function is a new migration.
"""

from django.db import migrations

# What one token is worth and how many decimals it has. peg null = unpriced. Always one row: a
# network that another request has just created may not be visible to a running statement yet.
# A priced asset comes first, for an event may have named one by a symbol that nobody knew: its
# placeholder has that symbol as address.
PRICE = """
create function billing_price(p_network text, p_asset text)
returns table (peg numeric, decimals int) language sql stable as $$
    select
        case when upper(p_asset) = 'USD' then 1
             when p_network = 'unknown' then 1
             when a.id is not null then a.usd_peg
             when p_asset is null and n.default_asset = '' and n.is_registered then 1 end,
        case when p_network = 'unknown' then null
             when a.id is not null then a.decimals
             when p_asset is null and n.default_asset = '' and n.is_registered then 6 end
    from (values (1)) always
    left join billing_network n on n.chain_id = p_network
    left join lateral (
        select x.id, x.usd_peg, x.decimals::int as decimals
        from billing_asset x
        where x.network_id = p_network
          and (x.address = coalesce(p_asset, n.default_asset) or upper(x.symbol) = upper(p_asset))
        order by x.usd_peg is null, x.address = coalesce(p_asset, n.default_asset) desc, x.address
        limit 1
    ) a on true
$$
"""

# Stage arrays: 1 time, 2 event id, 3 payer, 4 payee, 5 network, 6 asset, 7 amount,
# 8 atomic amount, 9 fee, 10 fee asset, 11 transaction, 12 scheme, 13 kind, 14 resource,
# 15 duration ms, 16 gas used, 17 gas price, 18 L1 fee, 19 gas cost, 20 native USD price,
# 21 block time, 22 confirmation ms, 23 valid before, 24 error class, 25 error, 26 failed stage.
# The subqueries are fenced by `offset 0`: pulled up, each expression would be copied into all that
# use it, and starting the statement would take longer than running it (60 ms, measured).
# A field a stage lacks is read from the others in the order settled, pending, received,
# verified, failed, reversed, expired.
FACTS = """
create function billing_payment_facts(
    r text[], v text[], x text[], p text[], f text[], s text[], z text[], b text[],
    p_share numeric, p_low text[], p_high text[])
returns table (
    status text, payer text, payee text, network_id text, asset text, scheme text, kind text,
    is_volume boolean, resource text, amount numeric, authorized_amount numeric,
    settled_amount numeric, amount_atomic numeric, amount_usd numeric, fee numeric,
    fee_asset text, fee_usd numeric, transaction text, gas_used numeric, own_gas_cost numeric,
    gas_cost numeric, gas_usd numeric, settlement_ms numeric, confirmation_ms numeric,
    error_class text, error text, failed_stage text, is_disputed boolean,
    started_at timestamptz, received_at timestamptz, verified_at timestamptz,
    expired_at timestamptz, pending_at timestamptz, failed_at timestamptz,
    settled_at timestamptz, reversed_at timestamptz, refunded_at timestamptz,
    valid_before timestamptz, reversal_amount numeric, reversal_usd numeric)
language sql stable as $$
    select
        w.status, w.payer, w.payee, w.network, w.asset, w.scheme, w.kind,
        w.kind in ('charge', 'sweep'), w.resource,
        m.amount, m.authorized_amount, m.settled_amount, w.atomic, trim_scale(m.amount * c.peg),
        w.fee, w.fee_asset, m.fee_usd, w.transaction, w.gas_used, m.own_gas_cost,
        case when m.own_gas_cost is not null or p_share is not null
             then coalesce(m.own_gas_cost, 0) + coalesce(p_share, 0) end,
        trim_scale(m.own_gas_cost * ('1e-' || n.native_decimals)::numeric * coalesce(
            w.native_usd,
            (select q.usd from billing_nativeprice q
             where q.network_id = w.network and q.valid_from <= w.gas_at
             order by q.valid_from desc limit 1))),
        m.settlement_ms,
        case when m.confirmation_ms >= 0 then m.confirmation_ms end,
        w.error_class, w.error, w.failed_stage,
        coalesce(p_low[1] <> p_high[1], false) or coalesce(p_low[2] <> p_high[2], false)
            or coalesce(p_low[3] <> p_high[3], false) or coalesce(p_low[4] <> p_high[4], false),
        w.started_at, w.received_at, w.verified_at, w.expired_at, w.pending_at, w.failed_at,
        w.settled_at, w.reversed_at, w.refunded_at, w.valid_before,
        case when z is null then null
             when z[7] is not null or z[8] is not null then m.reversed_amount
             else coalesce(w.fee, 0) end,
        case when z is null then null
             when z[7] is not null or z[8] is not null then trim_scale(m.reversed_amount * c.peg)
             when w.fee is null then 0 else m.fee_usd end
    from (
        select t.*,
            case when t.chain like 'eip155:%' then lower(t.raw_payer) else t.raw_payer end as payer,
            case when t.chain like 'eip155:%' then lower(t.raw_payee) else t.raw_payee end as payee,
            case when t.chain like 'eip155:%' then lower(t.raw_asset) else t.raw_asset end as asset,
            case when t.chain like 'eip155:%' then lower(t.raw_fee_asset)
                 else t.raw_fee_asset end as fee_asset,
            case when t.chain like 'eip155:%' then lower(t.raw_tx) else t.raw_tx end as transaction,
            t.chain as network,
            coalesce(t.settled_at, t.failed_at, t.pending_at, t.started_at) as gas_at
        from (
            select
                case when z is not null then 'reversed' when s is not null then 'settled'
                     when f is not null then 'failed' when p is not null then 'pending'
                     when x is not null then 'expired' when v is not null then 'verified'
                     when r is not null then 'received' end as status,
                coalesce(s[5], p[5], r[5], v[5], f[5], z[5], x[5], 'unknown') as chain,
                coalesce(s[3], p[3], r[3], v[3], f[3], z[3], x[3]) as raw_payer,
                coalesce(s[4], p[4], r[4], v[4], f[4], z[4], x[4]) as raw_payee,
                coalesce(s[6], p[6], r[6], v[6], f[6], z[6], x[6]) as raw_asset,
                coalesce(s[10], p[10], r[10], v[10], f[10], z[10], x[10]) as raw_fee_asset,
                coalesce(s[11], p[11], r[11], v[11], f[11], z[11], x[11]) as raw_tx,
                coalesce(s[12], p[12], r[12], v[12], f[12], z[12], x[12]) as scheme,
                coalesce(s[13], p[13], r[13], v[13], f[13], z[13], x[13], 'charge') as kind,
                coalesce(s[14], p[14], r[14], v[14], f[14], z[14], x[14]) as resource,
                coalesce(s[8], p[8], r[8], v[8], f[8], z[8], x[8])::numeric as atomic,
                coalesce(s[9], p[9], r[9], v[9], f[9], z[9], x[9])::numeric as fee,
                coalesce(s[16], p[16], f[16], z[16])::numeric as gas_used,
                coalesce(s[20], p[20], r[20], v[20], f[20], z[20], x[20])::numeric as native_usd,
                coalesce(s[23], p[23], r[23], v[23], f[23], z[23], x[23])::timestamptz
                    as valid_before,
                f[24] as error_class, f[25] as error, f[26] as failed_stage,
                coalesce(r[1], least(v[1], x[1], p[1], f[1], s[1], z[1]))::timestamptz
                    as started_at,
                r[1]::timestamptz as received_at, v[1]::timestamptz as verified_at,
                x[1]::timestamptz as expired_at, p[1]::timestamptz as pending_at,
                f[1]::timestamptz as failed_at, s[1]::timestamptz as settled_at,
                z[1]::timestamptz as reversed_at, b[1]::timestamptz as refunded_at
            offset 0
        ) t
        offset 0
    ) w
    left join billing_network n on n.chain_id = w.network
    cross join lateral billing_price(w.network, w.asset) c
    left join lateral billing_price(w.network, w.fee_asset) d on w.fee_asset is not null
    cross join lateral (
        select
            e.settled_amount, e.authorized_amount, e.reversed_amount,
            case when s[7] is not null or s[8] is not null then e.settled_amount
                 else e.authorized_amount end as amount,
            trim_scale(w.fee * case when w.fee_asset is null then c.peg else d.peg end) as fee_usd,
            case when s[15] is not null then s[15]::numeric
                 when s is not null and r is not null and s[1] >= r[1]
                 then trim_scale(
                     extract(epoch from s[1]::timestamptz - r[1]::timestamptz) * 1000)
            end as settlement_ms,
            coalesce(s[22]::numeric, trim_scale(extract(epoch from s[21]::timestamptz - case
                when s[15] is not null
                then s[1]::timestamptz - s[15]::float8 * interval '1 millisecond'
                else coalesce(p[1], r[1])::timestamptz end) * 1000)) as confirmation_ms,
            case when g.failed is not null and g.has_other_tx
                 then g.failed + coalesce(g.settled, g.pending, 0)
                 else coalesce(g.settled, g.pending, g.failed, g.reversed)
            end as own_gas_cost
        from (
            select
                coalesce(s[7]::numeric, s[8]::numeric * ('1e-' || c.decimals)::numeric)
                    as settled_amount,
                coalesce(
                    r[7]::numeric, r[8]::numeric * ('1e-' || c.decimals)::numeric,
                    v[7]::numeric, v[8]::numeric * ('1e-' || c.decimals)::numeric,
                    p[7]::numeric, p[8]::numeric * ('1e-' || c.decimals)::numeric,
                    f[7]::numeric, f[8]::numeric * ('1e-' || c.decimals)::numeric)
                    as authorized_amount,
                coalesce(z[7]::numeric, z[8]::numeric * ('1e-' || c.decimals)::numeric)
                    as reversed_amount
        ) e
        cross join (
            select
                case when w.network like 'eip155:%'
                     then lower(coalesce(s[11], p[11])) <> lower(f[11])
                     else coalesce(s[11], p[11]) <> f[11] end as has_other_tx,
                coalesce(s[19]::numeric,
                         s[16]::numeric * s[17]::numeric + coalesce(s[18]::numeric, 0)) as settled,
                coalesce(p[19]::numeric,
                         p[16]::numeric * p[17]::numeric + coalesce(p[18]::numeric, 0)) as pending,
                coalesce(f[19]::numeric,
                         f[16]::numeric * f[17]::numeric + coalesce(f[18]::numeric, 0)) as failed,
                coalesce(z[19]::numeric,
                         z[16]::numeric * z[17]::numeric + coalesce(z[18]::numeric, 0)) as reversed
            offset 0
        ) g
        offset 0
    ) m
$$
"""

# An entry of the money book. It stands by what its event said; where it belongs, what an atomic
# amount is in tokens and what it is worth follow its payment and the registry.
ENTRY = """
create function billing_entry_facts(p_own_network text, p_payment_network text,
    p_own_asset text, p_amount numeric, p_atomic numeric)
returns table (network_id text, asset text, amount numeric, amount_usd numeric)
language sql stable as $$
    select n.network, n.asset, m.amount, trim_scale(m.amount * q.peg)
    from (
        select t.network,
            case when t.network like 'eip155:%' then lower(p_own_asset)
                 else p_own_asset end as asset
        from (select coalesce(p_own_network, p_payment_network, 'unknown') as network) t
    ) n
    cross join lateral billing_price(n.network, n.asset) q
    cross join lateral (
        select case when p_atomic is null then p_amount
                    else p_atomic * ('1e-' || q.decimals)::numeric end as amount
    ) m
$$
"""

# The money book follows the payments: fee, gas, reversal and refund without an amount are
# projections, exactly one per payment and kind, rewritten whenever the payment changes.
PROJECT_PAYMENT = """
create function billing_project_payment() returns trigger language plpgsql as $$
begin
    insert into billing_revenuerecord
        (source_id, kind, is_projection, payment_id, network_id, asset, amount, amount_usd, at, memo)
    select n.source_id, k.kind, true, n.payment_id, n.network_id, k.asset, k.amount, k.usd, k.at, ''
    from changed n
    join billing_network w on w.chain_id = n.network_id
    cross join lateral (values
        ('facilitator_fee', coalesce(n.fee_asset, n.asset), coalesce(n.fee, 0),
         case when n.fee is null then 0 else n.fee_usd end, n.settled_at),
        ('gas', nullif(w.native_symbol, ''),
         -trim_scale(n.own_gas_cost * ('1e-' || w.native_decimals)::numeric), -n.gas_usd,
         case when n.own_gas_cost is not null or n.gas_used is not null
              then coalesce(n.settled_at, n.failed_at, n.pending_at, n.started_at) end),
        ('reversal', n.asset, -n.reversal_amount, -n.reversal_usd, n.reversed_at),
        ('refund', coalesce(n.fee_asset, n.asset), -coalesce(n.fee, 0),
         -case when n.fee is null then 0 else n.fee_usd end, n.refunded_at)
    ) k (kind, asset, amount, usd, at)
    where k.at is not null
    order by n.source_id, n.payment_id, k.kind
    on conflict (source_id, payment_id, kind)
        where is_projection and payment_id is not null
    do update set network_id = excluded.network_id, asset = excluded.asset,
        amount = excluded.amount, amount_usd = excluded.amount_usd, at = excluded.at
    where (billing_revenuerecord.network_id, billing_revenuerecord.asset,
           billing_revenuerecord.amount, billing_revenuerecord.amount_usd,
           billing_revenuerecord.at)
        is distinct from (excluded.network_id, excluded.asset, excluded.amount,
                          excluded.amount_usd, excluded.at);
    return null;
end $$;
create function billing_follow_payment() returns trigger language plpgsql as $$
begin
    delete from billing_revenuerecord g
    using changed n join previous o on o.id = n.id
    where g.is_projection and g.kind = 'gas'
      and g.source_id = n.source_id and g.payment_id = n.payment_id
      and n.own_gas_cost is null and n.gas_used is null
      and (o.own_gas_cost is not null or o.gas_used is not null);
    update billing_revenuerecord e
    set (network_id, asset, amount, amount_usd) = (
        select t.* from billing_entry_facts(
            e.own_network, n.network_id, e.own_asset, e.amount, e.amount_atomic) t)
    from changed n join previous o on o.id = n.id
    where n.network_id <> o.network_id and not e.is_projection and e.own_network is null
      and e.source_id = n.source_id and e.payment_id = n.payment_id;
    return null;
end $$;
create trigger payment_projects_on_insert after insert on billing_payment
    referencing new table as changed for each statement
    execute function billing_project_payment();
create trigger payment_projects_on_update after update on billing_payment
    referencing new table as changed for each statement
    execute function billing_project_payment();
create trigger revenue_follows_payment after update on billing_payment
    referencing old table as previous new table as changed for each statement
    execute function billing_follow_payment();
"""

PROJECT_BATCH = """
create function billing_project_batch() returns trigger language plpgsql as $$
begin
    insert into billing_revenuerecord
        (source_id, kind, is_projection, batch_id, network_id, asset, amount, amount_usd, at, memo)
    select n.source_id, 'gas', true, n.batch_id, n.network_id, nullif(w.native_symbol, ''),
        -trim_scale(n.gas_cost * ('1e-' || w.native_decimals)::numeric), -n.gas_usd,
        n.settled_at, ''
    from changed n
    join billing_network w on w.chain_id = n.network_id
    where n.settled_at is not null and (n.gas_cost is not null or n.gas_used is not null)
    order by n.source_id, n.batch_id
    on conflict (source_id, batch_id, kind) where is_projection and batch_id is not null
    do update set network_id = excluded.network_id, asset = excluded.asset,
        amount = excluded.amount, amount_usd = excluded.amount_usd, at = excluded.at
    where (billing_revenuerecord.network_id, billing_revenuerecord.asset,
           billing_revenuerecord.amount, billing_revenuerecord.amount_usd,
           billing_revenuerecord.at)
        is distinct from (excluded.network_id, excluded.asset, excluded.amount,
                          excluded.amount_usd, excluded.at);
    delete from billing_revenuerecord g
    using changed n
    where g.is_projection and g.kind = 'gas' and g.source_id = n.source_id
      and g.batch_id = n.batch_id and n.gas_cost is null and n.gas_used is null;
    return null;
end $$;
create trigger batch_projects_on_insert after insert on billing_settlementbatch
    referencing new table as changed for each statement execute function billing_project_batch();
create trigger batch_projects_on_update after update on billing_settlementbatch
    referencing new table as changed for each statement execute function billing_project_batch();
"""

# What may never change. Facts are corrected by new facts.
REFUSALS = """
create function billing_refuse() returns trigger language plpgsql as $$
begin
    raise exception '% of % is refused: %', tg_op, tg_table_name, tg_argv[0]
        using errcode = 'restrict_violation';
end $$;
create function billing_guard_revenue() returns trigger language plpgsql as $$
begin
    if old.is_projection then
        if pg_trigger_depth() > 1 then
            return case tg_op when 'DELETE' then old else new end;
        end if;
    elsif tg_op = 'UPDATE'
       and (new.source_id, new.kind, new.is_projection, new.event_id, new.payment_id,
            new.batch_id, new.own_network, new.own_asset, new.amount_atomic, new.at, new.memo)
           is not distinct from
           (old.source_id, old.kind, old.is_projection, old.event_id, old.payment_id,
            old.batch_id, old.own_network, old.own_asset, old.amount_atomic, old.at, old.memo)
       and (new.amount is not distinct from old.amount or old.amount_atomic is not null)
       and lower(new.asset) is not distinct from lower(old.own_asset) then
        return new;
    end if;
    raise exception '% of a revenue record is refused: corrections are new rows', tg_op
        using errcode = 'restrict_violation';
end $$;
create trigger revenue_is_append_only before update or delete on billing_revenuerecord
    for each row execute function billing_guard_revenue();
create trigger event_is_append_only before update or delete on billing_event
    for each statement execute function billing_refuse('events are append-only');
create trigger conflict_is_append_only before update or delete on billing_eventconflict
    for each statement execute function billing_refuse('conflicts are append-only');
create trigger receipt_is_append_only before update or delete on billing_ingestreceipt
    for each statement execute function billing_refuse('receipts are append-only');
create trigger rejected_is_kept before delete on billing_rejectedevent
    for each statement execute function billing_refuse('what was rejected is kept');
create trigger payment_is_kept before delete on billing_payment
    for each statement execute function billing_refuse('payments are kept');
create trigger batch_is_kept before delete on billing_settlementbatch
    for each statement execute function billing_refuse('batches are kept');
"""

TABLES = (
    "event eventconflict ingestreceipt rejectedevent payment settlementbatch revenuerecord"
).split()

NO_TRUNCATE = "".join(
    f"create trigger {table}_is_not_truncated before truncate on billing_{table}"
    " for each statement execute function billing_refuse('TRUNCATE would leave no marks');\n"
    for table in TABLES
)

DROP = "".join(
    f"drop trigger {table}_is_not_truncated on billing_{table};\n" for table in TABLES
) + """
drop trigger batch_is_kept on billing_settlementbatch;
drop trigger payment_is_kept on billing_payment;
drop trigger rejected_is_kept on billing_rejectedevent;
drop trigger receipt_is_append_only on billing_ingestreceipt;
drop trigger conflict_is_append_only on billing_eventconflict;
drop trigger event_is_append_only on billing_event;
drop trigger revenue_is_append_only on billing_revenuerecord;
drop function billing_guard_revenue();
drop function billing_refuse();
drop trigger batch_projects_on_update on billing_settlementbatch;
drop trigger batch_projects_on_insert on billing_settlementbatch;
drop function billing_project_batch();
drop trigger revenue_follows_payment on billing_payment;
drop trigger payment_projects_on_update on billing_payment;
drop trigger payment_projects_on_insert on billing_payment;
drop function billing_follow_payment();
drop function billing_project_payment();
drop function billing_entry_facts;
drop function billing_payment_facts;
drop function billing_price;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]

    operations = [
        migrations.RunSQL(
            [PRICE, FACTS, ENTRY, PROJECT_PAYMENT, PROJECT_BATCH, REFUSALS, NO_TRUNCATE],
            [DROP],
        )
    ]
