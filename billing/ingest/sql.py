"""The statements of one request. Each takes its rows as one JSON parameter."""

STAGES = {  # letter of the fold -> column of the stage's winner
    "r": "received_stage",
    "v": "verified_stage",
    "x": "expired_stage",
    "p": "pending_stage",
    "f": "failed_stage_winner",
    "s": "settled_stage",
    "z": "reversed_stage",
    "b": "refunded_stage",
}

# In the order of billing_payment_facts(); every one is derived, nothing else sets them.
FACTS = (
    "status, payer, payee, network_id, asset, scheme, kind, is_volume, resource, amount,"
    " authorized_amount, settled_amount, amount_atomic, amount_usd, fee, fee_asset, fee_usd,"
    " transaction, gas_used, own_gas_cost, gas_cost, gas_usd, settlement_ms, confirmation_ms,"
    " error_class, error, failed_stage, is_disputed, started_at, received_at, verified_at,"
    " expired_at, pending_at, failed_at, settled_at, reversed_at, refunded_at, valid_before,"
    " reversal_amount, reversal_usd"
)

_COLUMNS = ", ".join(STAGES.values())
_LETTERS = ", ".join(STAGES)
_MERGED = ",\n            ".join(
    f"least(c.{column}, excluded.{column}) as {letter}" for letter, column in STAGES.items()
)
_CHANGED = "\n    or ".join(
    f"excluded.{column} < c.{column} or (c.{column} is null and excluded.{column} is not null)"
    for column in STAGES.values()
)
_LOW = ", ".join(f"least(c.settled_low[{n}], excluded.settled_low[{n}])" for n in range(1, 5))
_HIGH = ", ".join(f"greatest(c.settled_high[{n}], excluded.settled_high[{n}])" for n in range(1, 5))

INSERT_EVENTS = """
insert into billing_event (source_id, event_id, type, payment_id, occurred_at, body, body_hash)
select source, event, type, payment, at::timestamptz, body, decode(hash, 'hex')
from json_to_recordset(%s::json)
    as i (source bigint, event text, type text, payment text, at text, body text, hash text)
on conflict (source_id, event_id) do nothing
returning source_id, event_id
"""

STORED_HASHES = """
select e.source_id, e.event_id, e.body_hash
from json_to_recordset(%s::json) as i (source bigint, event text)
join billing_event e on e.source_id = i.source and e.event_id = i.event
"""

INSERT_CONFLICTS = """
insert into billing_eventconflict (source_id, event_id, body, body_hash)
select source, event, body, decode(hash, 'hex')
from json_to_recordset(%s::json) as i (source bigint, event text, body text, hash text)
on conflict do nothing
"""

INSERT_REJECTED = """
insert into billing_rejectedevent as r
    (source_id, body, body_hash, code, detail, times_seen, status, resolution)
select source, decode(body, 'base64'), decode(hash, 'hex'), code, detail, times, 'open', ''
from json_to_recordset(%s::json)
    as i (source bigint, body text, hash text, code text, detail text, times bigint)
on conflict (source_id, body_hash, code) do update
set times_seen = r.times_seen + excluded.times_seen, last_seen_at = statement_timestamp()
"""

INSERT_NETWORKS = """
insert into billing_network
    (chain_id, name, family, is_registered, is_testnet, native_symbol, explorer_url, default_asset)
select chain, chain, family, false, false, '', '', ''
from json_to_recordset(%s::json) as i (chain text, family text)
on conflict (chain_id) do nothing
"""

# least() over arrays that begin with (time, event id) is the whole merge: it commutes, it may be
# repeated, and a winner brings all its fields. The row is locked even when nothing changes.
MERGE_PAYMENTS = f"""
insert into billing_payment as c
    (source_id, payment_id, {_COLUMNS}, settled_low, settled_high, {FACTS})
select i.source, i.payment, {_LETTERS}, low, high, t.*
from json_to_recordset(%s::json) as i (source bigint, payment text, r text[], v text[], x text[],
    p text[], f text[], s text[], z text[], b text[], low text[], high text[])
cross join lateral billing_payment_facts({_LETTERS}, null, low, high) t
on conflict (source_id, payment_id) do update
set ({_COLUMNS}, settled_low, settled_high, {FACTS}) = (
    select {_LETTERS}, low, high, t.*
    from (select
            {_MERGED},
            case when coalesce(c.settled_low, excluded.settled_low) is not null
                 then array[{_LOW}] end as low,
            case when coalesce(c.settled_high, excluded.settled_high) is not null
                 then array[{_HIGH}] end as high
        offset 0
    ) m
    cross join lateral billing_payment_facts({_LETTERS}, c.gas_share, low, high) t)
where {_CHANGED}
    or excluded.settled_low is distinct from c.settled_low and excluded.settled_low is not null
    or excluded.settled_high is distinct from c.settled_high and excluded.settled_high is not null
"""  # noqa: S608 - composed of constants

INSERT_UNKNOWN_ASSETS = """
insert into billing_asset (network_id, address, symbol)
select distinct p.network_id, p.asset, ''
from json_to_recordset(%s::json) as i (source bigint, payment text)
join billing_payment p on p.source_id = i.source and p.payment_id = i.payment
where p.asset is not null and p.network_id <> 'unknown' and upper(p.asset) <> 'USD'
  and not exists (select 1 from billing_asset a where a.network_id = p.network_id
                  and (a.address = p.asset or upper(a.symbol) = upper(p.asset)))
order by 1, 2
on conflict do nothing
"""

INSERT_ENTRIES = """
insert into billing_revenuerecord
    (source_id, kind, is_projection, event_id, payment_id, own_network, own_asset,
     amount_atomic, network_id, asset, amount, amount_usd, at, memo)
select i.source, i.kind, false, i.event, i.payment, i.network, i.asset, i.atomic::numeric, t.*,
    i.at::timestamptz, ''
from json_to_recordset(%s::json) as i (source bigint, event text, payment text, kind text,
    network text, asset text, amount text, atomic text, at text)
left join billing_payment p on p.source_id = i.source and p.payment_id = i.payment
cross join lateral billing_entry_facts(
    i.network, p.network_id, i.asset, i.amount::numeric, i.atomic::numeric) t
"""

MERGE_BATCHES = """
insert into billing_settlementbatch as c
    (source_id, batch_id, network_id, settled_stage, payment_count)
select source, batch, coalesce(stage[4], 'unknown'), stage, 0
from json_to_recordset(%s::json) as i (source bigint, batch text, stage text[])
on conflict (source_id, batch_id) do update
set settled_stage = least(c.settled_stage, excluded.settled_stage)
where excluded.settled_stage < c.settled_stage
"""

# Batches of the request, and batches without a network of their own that name its payments.
TOUCHED_BATCHES = """
select b.id
from json_to_recordset(%s::json) as i (source bigint, batch text)
join billing_settlementbatch b on b.source_id = i.source and b.batch_id = i.batch
union
select b.id
from json_to_recordset(%s::json) as i (source bigint, payment text)
join billing_batchpayment l on l.source_id = i.source and l.payment_id = i.payment
join billing_settlementbatch b on b.id = l.batch_id and b.settled_stage[4] is null
order by 1
"""

# Locked by a statement of its own, so that the next one sees what their payments are now.
LOCK_BATCHES = """
select id from billing_settlementbatch where id = any(%(ids)s) order by id for update
"""

REFRESH_BATCHES = """
update billing_settlementbatch b
set network_id = f.network, transaction = f.transaction, settled_at = f.settled_at,
    payment_count = f.payment_count, gas_used = f.gas_used, gas_cost = f.gas_cost,
    gas_usd = f.gas_usd, total_fees = f.total_fees
from (
    select g.*, trim_scale(g.gas_cost * ('1e-' || n.native_decimals)::numeric * coalesce(
            g.native_usd,
            (select q.usd from billing_nativeprice q
             where q.network_id = g.network and q.valid_from <= g.settled_at
             order by q.valid_from desc limit 1))) as gas_usd
    from (
        select x.id, w.network, x.s[1]::timestamptz as settled_at,
            case when w.network like 'eip155:%%' then lower(x.s[3]) else x.s[3] end as transaction,
            x.s[5]::numeric as gas_used,
            coalesce(x.s[8]::numeric,
                     x.s[5]::numeric * x.s[6]::numeric + coalesce(x.s[7]::numeric, 0)) as gas_cost,
            x.s[9]::numeric as native_usd, x.s[10]::numeric as total_fees,
            greatest(cardinality(x.s) - 10, 0) as payment_count
        from (select id, source_id, settled_stage as s from billing_settlementbatch
              where id = any(%(ids)s)) x
        cross join lateral (
            select coalesce(x.s[4], min(p.network_id), 'unknown') as network
            from unnest(x.s[11:]) named (payment)
            join billing_payment p on p.source_id = x.source_id and p.payment_id = named.payment
            where p.network_id <> 'unknown'
        ) w
    ) g
    join billing_network n on n.chain_id = g.network
) f
where b.id = f.id
  and (b.network_id, b.transaction, b.settled_at, b.payment_count, b.gas_used, b.gas_cost,
       b.gas_usd, b.total_fees)
      is distinct from (f.network, f.transaction, f.settled_at, f.payment_count, f.gas_used,
                        f.gas_cost, f.gas_usd, f.total_fees)
"""

DROP_SHARES = """
delete from billing_batchpayment l using billing_settlementbatch b
where b.id = any(%(ids)s) and l.batch_id = b.id and l.payment_id <> all(b.settled_stage[11:])
returning l.source_id, l.payment_id
"""

# Equal shares; what is left over goes one unit each to the first by payment id, so that the
# shares sum exactly.
SHARE_GAS = """
insert into billing_batchpayment as l (batch_id, source_id, payment_id, gas_share)
select b.id, b.source_id, named.payment,
    div(b.gas_cost, b.payment_count)
        + case when named.position <= mod(b.gas_cost, b.payment_count) then 1 else 0 end
from billing_settlementbatch b
cross join lateral unnest(b.settled_stage[11:]) with ordinality named (payment, position)
where b.id = any(%(ids)s)
order by 1, 3
on conflict (batch_id, payment_id) do update set gas_share = excluded.gas_share
where l.gas_share is distinct from excluded.gas_share
returning source_id, payment_id
"""

# For the same reason: other batches may be giving shares to these payments.
LOCK_PAYMENTS = """
select p.id
from json_to_recordset(%s::json) as i (source bigint, payment text)
join billing_payment p on p.source_id = i.source and p.payment_id = i.payment
order by p.source_id, p.payment_id for update of p
"""

GIVE_SHARES = """
update billing_payment p
set gas_share = g.share,
    gas_cost = case when p.own_gas_cost is not null or g.share is not null
                    then coalesce(p.own_gas_cost, 0) + coalesce(g.share, 0) end
from (
    select i.source, i.payment, sum(l.gas_share) as share
    from json_to_recordset(%s::json) as i (source bigint, payment text)
    left join billing_batchpayment l on l.source_id = i.source and l.payment_id = i.payment
    group by 1, 2
) g
where p.source_id = g.source and p.payment_id = g.payment
  and p.gas_share is distinct from g.share
"""

INSERT_RECEIPT = """
insert into billing_ingestreceipt (source_id, accepted, duplicate, conflict, rejected)
values (%s, %s, %s, %s, %s)
"""
