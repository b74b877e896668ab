"""What follows a payment's change is looked for once, without joining the changed rows.

The join of the two transition tables was planned for the first, small statement of a session and
kept: a nested loop, quadratic in the rows of every later one.
"""

from django.db import migrations

FOLLOW = """
create or replace function billing_follow_payment() returns trigger language plpgsql as $$
declare
    freed bigint[];
    moved bigint[];
begin
    select array_agg(c.id) filter (where c.is_freed), array_agg(c.id) filter (where c.is_moved)
    into freed, moved
    from (
        select v.id, bool_or(v.had_gas) and not bool_or(v.has_gas) as is_freed,
            min(v.network_id) <> max(v.network_id) as is_moved
        from (
            select id, network_id, false as had_gas,
                own_gas_cost is not null or gas_used is not null as has_gas
            from changed
            union all
            select id, network_id, own_gas_cost is not null or gas_used is not null, false
            from previous
        ) v
        group by v.id
    ) c;
    if freed is not null then
        delete from billing_revenuerecord g
        using changed n
        where n.id = any(freed) and g.is_projection and g.kind = 'gas'
          and g.source_id = n.source_id and g.payment_id = n.payment_id;
    end if;
    if moved is not null then
        update billing_revenuerecord e
        set (network_id, asset, amount, amount_usd) = (
            select t.* from billing_entry_facts(
                e.own_network, n.network_id, e.own_asset, e.amount, e.amount_atomic) t)
        from changed n
        where n.id = any(moved) and not e.is_projection and e.own_network is null
          and e.source_id = n.source_id and e.payment_id = n.payment_id;
    end if;
    return null;
end $$;
"""

JOINED = """
create or replace function billing_follow_payment() returns trigger language plpgsql as $$
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
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0008_key_verification")]

    operations = [migrations.RunSQL([FOLLOW], [JOINED])]
