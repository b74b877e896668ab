"""The schema `paygate_views`: views with stable names for people and tools that read by SQL.

Views read with their owner's rights, so a reader needs none on the tables. Functions inside a view
would run with the reader's: statistics come through functions that run with their owner's.

The schema has a name that no user is likely to have: PostgreSQL would create every further table in
a schema of its user's name.
"""

from django.db import migrations

MEASURES = (
    "started started_settled started_failed started_priced started_unpriced"
    " started_volume started_fees settlement_count settlement_ms confirmation_count confirmation_ms"
    " gas_count gas_native gas_used_count gas_used settled settled_volume settled_unpriced"
    " facilitator_fees gas_sponsorship premium refunds reversals gas_costs"
    " unpriced_gas unpriced_revenue"
).split()
SUMS = (
    "started_volume started_fees settlement_ms confirmation_ms gas_native gas_used"
    " settled_volume facilitator_fees gas_sponsorship premium refunds reversals gas_costs"
).split()

STATS = "".join(
    f"""
create function paygate_views.read_{view}() returns table (
    source text, network text, {column} timestamptz, {
        ", ".join(f"{name} {'numeric' if name in SUMS else 'bigint'}" for name in MEASURES)
    }) language sql stable security definer set search_path = public as $$
    select s.slug::text, f.network_id::text, f.bucket, {", ".join(f"f.{name}" for name in MEASURES)}
    from analytics_{live}_live f join billing_source s on s.id = f.source_id
$$;
create view paygate_views.{view} as select * from paygate_views.read_{view}();
"""
    for view, column, live in (
        ("payment_quarter_hours", "quarter_hour", "quarter_hour"),
        ("payment_hours", "hour", "hourly"),
        ("payment_days", "day", "daily"),
    )
)

FACTS = """
create schema paygate_views;
comment on schema paygate_views is 'Views for reading by SQL; names and columns are stable.';
create view paygate_views.sources as
    select slug as source, name, kind, created_at from public.billing_source;
create view paygate_views.networks as
    select chain_id as network, name, family, is_registered, is_testnet, native_symbol,
        native_decimals
    from public.billing_network;
create view paygate_views.assets as
    select network_id as network, address as asset, symbol, decimals, usd_peg
    from public.billing_asset;
create view paygate_views.payments as
    select p.id, s.slug as source, p.payment_id, p.status, p.network_id as network, p.payer,
        p.payee, p.asset, p.scheme, p.kind, p.is_volume, p.resource, p.amount, p.amount_usd, p.fee,
        p.fee_usd, p.transaction, p.gas_used, p.gas_cost, p.gas_usd, p.settlement_ms,
        p.confirmation_ms, p.error_class, p.error, p.failed_stage, p.is_disputed, p.started_at,
        p.received_at, p.verified_at, p.pending_at, p.settled_at, p.failed_at, p.expired_at,
        p.reversed_at, p.refunded_at
    from public.billing_payment p
    join public.billing_source s on s.id = p.source_id
    where p.status is not null;
create view paygate_views.batches as
    select b.id, s.slug as source, b.batch_id, b.network_id as network, b.transaction,
        b.settled_at, b.payment_count, b.gas_used, b.gas_cost, b.gas_usd
    from public.billing_settlementbatch b
    join public.billing_source s on s.id = b.source_id;
create view paygate_views.revenue_records as
    select r.id, s.slug as source, r.kind, r.payment_id, r.batch_id, r.network_id as network,
        r.asset, r.amount, r.amount_usd, r.at
    from public.billing_revenuerecord r
    join public.billing_source s on s.id = r.source_id;
create view paygate_views.events as
    select e.id, s.slug as source, e.event_id, e.type, e.payment_id, e.occurred_at, e.received_at
    from public.billing_event e
    join public.billing_source s on s.id = e.source_id;
create view paygate_views.keys as
    select k.id, s.slug as source, k.prefix, k.mask, k.name, k.namespace, k.group_id as group, k.tags,
        k.credits, k.total_spent, k.total_calls, k.active, k.suspended, k.created_at,
        k.last_used_at, k.expires_at
    from public.billing_apikey k
    join public.billing_source s on s.id = k.source_id;
create view paygate_views.calls as
    select u.id, s.slug as source, u.key_id as key, u.key_name, u.tool, u.namespace, u.credits,
        u.allowed, u.deny_reason, u.at
    from public.billing_usageevent u
    join public.billing_source s on s.id = u.source_id;
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0013_metric_totals"), ("billing", "0008_key_verification")]

    operations = [migrations.RunSQL([FACTS, STATS], ["drop schema paygate_views cascade"])]
