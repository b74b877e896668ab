"""Marks, rollups and live reads, in the database. Frozen text: a change is a new migration.

See docs/rollups.md for the invariant and the races behind each step.
"""

from django.db import migrations

QUARTER = "interval '15 minutes'"
ORIGIN = "timestamptz '2000-01-01 00:00:00+00'"

COUNTS = (
    "started started_settled started_failed started_priced started_unpriced"
    " started_unpriced_fees settlement_count confirmation_count gas_count gas_used_count"
    " ms_le_100 ms_le_500 ms_le_1000 ms_le_2000 ms_le_5000 ms_le_10000 ms_le_30000 ms_le_60000"
    " gas_le_21000 gas_le_50000 gas_le_100000 gas_le_200000 gas_le_500000 gas_le_1000000"
    " settled settled_unpriced settled_without_payer settled_without_payee"
    " unpriced_gas unpriced_revenue"
).split()
SUMS = (
    "started_volume started_fees settlement_ms confirmation_ms gas_native gas_used"
    " settled_volume facilitator_fees gas_sponsorship premium refunds reversals gas_costs"
).split()
MEASURES = COUNTS + SUMS

COHORT = {
    "started": "count(*)",
    "started_settled": "count(*) filter (where status = 'settled')",
    "started_failed": "count(*) filter (where status = 'failed')",
    "started_volume": "sum(amount_usd) filter (where status = 'settled' and is_volume)",
    "started_fees": "sum(fee_usd) filter (where status = 'settled')",
    "started_priced": "count(amount_usd) filter (where status = 'settled' and is_volume)",
    "started_unpriced": "count(*) filter (where status = 'settled' and is_volume"
    " and amount_usd is null)",
    "started_unpriced_fees": "count(fee) filter (where status = 'settled' and fee_usd is null)",
    "settlement_ms": "sum(settlement_ms) filter (where status = 'settled')",
    "settlement_count": "count(settlement_ms) filter (where status = 'settled')",
    "confirmation_ms": "sum(confirmation_ms) filter (where status = 'settled')",
    "confirmation_count": "count(confirmation_ms) filter (where status = 'settled')",
    "gas_native": "sum(gas_cost)",
    "gas_count": "count(gas_cost)",
    "gas_used": "sum(gas_used)",
    "gas_used_count": "count(gas_used)",
} | {
    f"ms_le_{n}": f"count(*) filter (where status = 'settled' and settlement_ms <= {n})"
    for n in (100, 500, 1000, 2000, 5000, 10000, 30000, 60000)
} | {
    f"gas_le_{n}": f"count(*) filter (where gas_used <= {n})"
    for n in (21000, 50000, 100000, 200000, 500000, 1000000)
}
SETTLED = {
    "settled": "count(*)",
    "settled_volume": "sum(amount_usd) filter (where is_volume)",
    "settled_unpriced": "count(*) filter (where is_volume and amount_usd is null)",
    "settled_without_payer": "count(*) filter (where payer is null)",
    "settled_without_payee": "count(*) filter (where payee is null)",
}
MONEY = {
    "facilitator_fees": "sum(amount_usd) filter (where kind = 'facilitator_fee')",
    "gas_sponsorship": "sum(amount_usd) filter (where kind = 'gas_sponsorship')",
    "premium": "sum(amount_usd) filter (where kind = 'premium')",
    "refunds": "sum(amount_usd) filter (where kind = 'refund')",
    "reversals": "sum(amount_usd) filter (where kind = 'reversal')",
    "gas_costs": "sum(amount_usd) filter (where kind = 'gas')",
    "unpriced_gas": "count(*) filter (where kind = 'gas' and amount_usd is null)",
    "unpriced_revenue": "count(*) filter (where kind <> 'gas' and amount_usd is null)",
}

RETURNS = "source_id bigint, network_id text, bucket timestamptz, " + ", ".join(
    [f"{name} bigint" for name in COUNTS] + [f"{name} numeric" for name in SUMS]
)
KEY = "source_id, network_id, bucket"
LIST = ", ".join(MEASURES)


def part(measures: dict[str, str], bucket: str, tail: str) -> str:
    """One family of measures, aggregated from its facts; the other families are zero."""
    columns = ", ".join(f"coalesce({measures.get(name, '0')}, 0) as {name}" for name in MEASURES)
    return f"select source_id, network_id, {bucket} as bucket, {columns} {tail} group by 1, 2, 3"


def summed(prefix: str = "") -> str:
    return ", ".join(
        [f"sum({prefix}{name})::bigint as {name}" for name in COUNTS]
        + [f"sum({prefix}{name}) as {name}" for name in SUMS]
    )


MINE = "(p_sources is null or source_id = any(p_sources))"
FACTS = f"""
create function analytics_facts(p_from timestamptz, p_to timestamptz, p_sources bigint[])
returns table ({RETURNS}) language sql stable as $$
    select source_id, network_id::text, bucket, {summed()} from (
        {part(COHORT, "started_bucket", f"from billing_payment where started_at >= p_from and started_at < p_to and {MINE}")}
        union all
        {part(SETTLED, "settled_bucket", f"from billing_payment where status = 'settled' and settled_at >= p_from and settled_at < p_to and {MINE}")}
        union all
        {part(MONEY, "bucket", f"from billing_revenuerecord where at >= p_from and at < p_to and {MINE}")}
    ) facts group by 1, 2, 3
$$;
"""


def stat_rows(table: str, condition: str) -> str:
    # Lateral, and fenced by offset 0: a range join would read the whole table for every segment.
    return (
        "select s.* from {segments} g cross join lateral ("
        f"select s.source_id, s.network_id, s.bucket, {', '.join('s.' + name for name in MEASURES)}"
        f" from analytics_{table} s where s.bucket >= g.lo and s.bucket < g.hi"
        f" and {condition} and (p_sources is null or s.source_id = any(p_sources)) offset 0) s"
    )


# Any window, exactly: clean days inside it, clean hours of what is left, clean quarter hours of
# what is left, facts for dirty quarter hours and for the edges that cut one. One statement, one
# snapshot.
STATS = f"""
create function analytics_stats(
    p_from timestamptz, p_to timestamptz, p_grain int, p_sources bigint[])
returns table ({RETURNS}) language sql stable as $$
    with edge as materialized (
        select w.lo, w.hi, q.lo as q_lo, q.hi as q_hi, h.lo as h_lo, h.hi as h_hi,
            case when p_grain >= 2 then d.lo else h.hi end as d_lo,
            case when p_grain >= 2 then greatest(d.hi, d.lo) else h.hi end as d_hi
        from (select coalesce(p_from, {ORIGIN}) as lo,
                     coalesce(p_to, timestamptz '2200-01-01 00:00:00+00') as hi) w
        cross join lateral (
            select date_bin({QUARTER}, w.lo + {QUARTER} - interval '1 microsecond', {ORIGIN}) as lo,
                   date_bin({QUARTER}, w.hi, {ORIGIN}) as hi) q
        cross join lateral (
            select case when p_grain >= 1
                   then date_bin('1 hour', q.lo + interval '45 minutes', {ORIGIN})
                   else q.hi end as lo,
                   case when p_grain >= 1
                   then date_bin('1 hour', q.hi, {ORIGIN}) else q.hi end as hi) h
        cross join lateral (
            select date_bin('1 day', h.lo + interval '23 hours', {ORIGIN}) as lo,
                   date_bin('1 day', h.hi, {ORIGIN}) as hi) d
    ),
    dirty as materialized (
        select distinct m.grain, m.bucket, m.hour, m.day
        from analytics_stalemark m, edge e
        where m.bucket >= e.lo - interval '1 day' and m.bucket < e.hi
    ),
    dirty_day as materialized (select distinct day as lo from dirty),
    dirty_hour as materialized (select distinct hour as lo from dirty where grain <= 1),
    dirty_quarter as materialized (select distinct bucket as lo from dirty where grain = 0),
    day_part as (select d_lo as lo, d_hi as hi from edge where d_lo < d_hi),
    hour_part as (
        select h_lo as lo, least(d_lo, h_hi) as hi from edge
        union all select greatest(d_hi, h_lo), h_hi from edge where d_lo < d_hi
        union all select greatest(d_lo, h_lo), h_hi from edge where d_lo >= d_hi and d_lo < h_hi
        union all select x.lo, x.lo + interval '1 day' from dirty_day x, edge
        where x.lo >= d_lo and x.lo < d_hi
    ),
    quarter_part as (
        select q_lo as lo, least(h_lo, q_hi) as hi from edge
        union all select greatest(h_hi, q_lo), q_hi from edge where h_lo < h_hi
        union all select greatest(h_lo, q_lo), q_hi from edge where h_lo >= h_hi and h_lo < q_hi
        union all select x.lo, x.lo + interval '1 hour' from dirty_hour x, edge
        where x.lo >= h_lo and x.lo < h_hi
    ),
    raw_part as (
        select lo, least(q_lo, hi) as hi from edge
        union all select greatest(q_hi, q_lo), hi from edge where q_lo <= hi
        union all
        select min(i.lo), max(i.lo) + {QUARTER}
        from (select x.lo, x.lo - row_number() over (order by x.lo) * {QUARTER} as island
              from dirty_quarter x, edge where x.lo >= q_lo and x.lo < q_hi) i
        group by i.island
    )
    {stat_rows("dailystat", "s.bucket not in (select lo from dirty_day)").format(segments="day_part")}
    union all
    {stat_rows("hourlystat", "s.bucket not in (select lo from dirty_hour)").format(segments="hour_part")}
    union all
    {stat_rows("quarterhourstat", "s.bucket not in (select lo from dirty_quarter)").format(segments="quarter_part")}
    union all
    select f.* from raw_part g cross join lateral analytics_facts(g.lo, g.hi, p_sources) f
    where g.lo < g.hi
$$;
"""

LIVE_VIEWS = "".join(
    f"""
create view analytics_{name}_live as
    select source_id, network_id, date_bin('{width}', bucket, {ORIGIN}) as bucket, {summed()}
    from analytics_stats(null, null, {grain}, null) group by 1, 2, 3;
"""
    for name, width, grain in (
        ("quarter_hour", "15 minutes", 0),
        ("hourly", "1 hour", 1),
        ("daily", "1 day", 2),
    )
)

# Marks and running deltas are written by the database in the writer's own transaction: no code
# path can forget them. One event per trigger, since transition tables allow no more.
TRIGGERS = """
create function analytics_mark_insert() returns trigger language plpgsql as $$
begin
    insert into analytics_stalemark (grain, bucket)
    select distinct 0, v.bucket from changed c
    cross join lateral (values (c.started_bucket), (c.settled_bucket)) v (bucket)
    where v.bucket is not null;
    insert into analytics_runningdelta
        (kind, source_id, network_id, key1, key2, volume, payments)
    select k.kind, c.source_id, c.network_id, k.key1, k.key2,
        coalesce(sum(c.amount_usd) filter (where c.is_volume), 0), count(*)
    from changed c
    cross join lateral (values ('payer', c.payer, ''), ('payee', c.payee, ''),
        ('route', case when c.payee is not null then c.payer end, c.payee)) k (kind, key1, key2)
    where c.status = 'settled' and k.key1 is not null
    group by 1, 2, 3, 4, 5;
    return null;
end $$;
create function analytics_mark_update() returns trigger language plpgsql as $$
begin
    insert into analytics_stalemark (grain, bucket)
    select distinct 0, v.bucket
    from (select started_bucket, settled_bucket from changed
          union all select started_bucket, settled_bucket from previous) c
    cross join lateral (values (c.started_bucket), (c.settled_bucket)) v (bucket)
    where v.bucket is not null;
    insert into analytics_runningdelta
        (kind, source_id, network_id, key1, key2, volume, payments)
    select k.kind, c.source_id, c.network_id, k.key1, k.key2,
        sum(case when c.is_volume then coalesce(c.amount_usd, 0) else 0 end * c.sign), sum(c.sign)
    from (select 1 as sign, status, source_id, network_id, payer, payee, amount_usd, is_volume
          from changed
          union all
          select -1, status, source_id, network_id, payer, payee, amount_usd, is_volume
          from previous) c
    cross join lateral (values ('payer', c.payer, ''), ('payee', c.payee, ''),
        ('route', case when c.payee is not null then c.payer end, c.payee)) k (kind, key1, key2)
    where c.status = 'settled' and k.key1 is not null
    group by 1, 2, 3, 4, 5
    having sum(c.sign) <> 0
        or sum(case when c.is_volume then coalesce(c.amount_usd, 0) else 0 end * c.sign) <> 0;
    return null;
end $$;
create trigger payment_marks_on_insert after insert on billing_payment
    referencing new table as changed for each statement execute function analytics_mark_insert();
create trigger payment_marks_on_update after update on billing_payment
    referencing old table as previous new table as changed for each statement
    execute function analytics_mark_update();

create function analytics_mark_new_money() returns trigger language plpgsql as $$
begin
    insert into analytics_stalemark (grain, bucket) select distinct 0, bucket from changed;
    return null;
end $$;
create function analytics_mark_old_money() returns trigger language plpgsql as $$
begin
    insert into analytics_stalemark (grain, bucket) select distinct 0, bucket from previous;
    return null;
end $$;
create trigger revenue_marks_on_insert after insert on billing_revenuerecord
    referencing new table as changed for each statement execute function analytics_mark_new_money();
create trigger revenue_marks_new_on_update after update on billing_revenuerecord
    referencing new table as changed for each statement execute function analytics_mark_new_money();
create trigger revenue_marks_old_on_update after update on billing_revenuerecord
    referencing old table as previous for each statement
    execute function analytics_mark_old_money();
create trigger revenue_marks_on_delete after delete on billing_revenuerecord
    referencing old table as previous for each statement
    execute function analytics_mark_old_money();
"""

# All-time tops without reading all totals: per source and network the K largest, plus every key
# with something not folded yet; right as soon as the Nth best exceeds what an unseen key could
# reach at most (the sum of the K-th values). Otherwise K grows.
TOPS = """
create function analytics_changes(
    p_kind text, p_as_of timestamptz, p_sources bigint[], p_networks text[])
returns table (key1 text, key2 text, volume numeric, payments numeric) language sql stable as $$
    select d.key1, d.key2, d.volume, d.payments::numeric
    from analytics_runningdelta d
    where d.kind = p_kind and d.network_id = any(p_networks)
      and (p_sources is null or d.source_id = any(p_sources))
    union all
    select k.key1, k.key2, -sum(case when p.is_volume then coalesce(p.amount_usd, 0) else 0 end),
        -count(*)::numeric
    from billing_payment p
    cross join lateral (values ('payer', p.payer, ''), ('payee', p.payee, ''),
        ('route', case when p.payee is not null then p.payer end, p.payee)) k (kind, key1, key2)
    where p.settled_at > p_as_of and p.status = 'settled' and k.kind = p_kind
      and k.key1 is not null and p.network_id = any(p_networks)
      and (p_sources is null or p.source_id = any(p_sources))
    group by 1, 2
$$;
create function analytics_top(
    p_kind text, p_limit int, p_as_of timestamptz, p_sources bigint[], p_networks text[])
returns table (key1 text, key2 text, volume numeric, payments bigint)
language plpgsql stable as $$
#variable_conflict use_column
declare
    depth int := greatest(p_limit * 2, 20);
    settled boolean;
    best record;
begin
    loop
        with list as materialized (
            select s.id as source_id, n.network_id
            from billing_source s cross join unnest(p_networks) n (network_id)
            where p_sources is null or s.id = any(p_sources)
        ), ranked as materialized (
            select t.key1, t.key2, t.volume, t.rank
            from list l cross join lateral (
                select r.key1, r.key2, r.volume, row_number() over (order by r.volume desc) as rank
                from (select x.key1, x.key2, x.volume from analytics_runningtotal x
                      where x.kind = p_kind and x.source_id = l.source_id
                        and x.network_id = l.network_id
                      order by x.volume desc limit depth) r
            ) t
        ), total as (
            select c.key1, c.key2, sum(c.volume) as volume, sum(c.payments) as payments from (
                select a.key1, a.key2, a.volume, a.payments
                from analytics_changes(p_kind, p_as_of, p_sources, p_networks) a
                union all
                select t.key1, t.key2, t.volume, t.payments
                from (select r.key1, r.key2 from ranked r
                      union
                      select a.key1, a.key2
                      from analytics_changes(p_kind, p_as_of, p_sources, p_networks) a) k
                join analytics_runningtotal t
                  on t.kind = p_kind and t.key1 = k.key1 and t.key2 = k.key2
                where t.network_id = any(p_networks)
                  and (p_sources is null or t.source_id = any(p_sources))
            ) c group by 1, 2 having sum(c.payments) > 0
        ), top as (
            select t.* from total t order by t.volume desc, t.key1, t.key2 limit p_limit
        )
        select coalesce((select sum(volume) from ranked where rank = depth), 0) as reach,
            (select count(*) from top) as found,
            coalesce((select min(volume) from top), 0) as least,
            not exists (select 1 from ranked where rank = depth) as all_seen
        into best;
        settled := best.all_seen or (best.found >= p_limit and best.least > best.reach);
        exit when settled;
        depth := depth * 8;
    end loop;
    return query
        with list as materialized (
            select s.id as source_id, n.network_id
            from billing_source s cross join unnest(p_networks) n (network_id)
            where p_sources is null or s.id = any(p_sources)
        ), candidate as (
            select t.key1, t.key2 from list l cross join lateral (
                select x.key1, x.key2 from analytics_runningtotal x
                where x.kind = p_kind and x.source_id = l.source_id
                  and x.network_id = l.network_id
                order by x.volume desc limit depth) t
            union
            select a.key1, a.key2
            from analytics_changes(p_kind, p_as_of, p_sources, p_networks) a
        )
        select c.key1::text, c.key2::text, trim_scale(sum(c.volume)), sum(c.payments)::bigint
        from (
            select a.key1, a.key2, a.volume, a.payments
            from analytics_changes(p_kind, p_as_of, p_sources, p_networks) a
            union all
            select t.key1, t.key2, t.volume, t.payments
            from candidate k
            join analytics_runningtotal t
              on t.kind = p_kind and t.key1 = k.key1 and t.key2 = k.key2
            where t.network_id = any(p_networks)
              and (p_sources is null or t.source_id = any(p_sources))
        ) c
        group by 1, 2 having sum(c.payments) > 0
        order by 3 desc, c.key1 collate "C", c.key2 collate "C"
        limit p_limit;
end $$;
create function analytics_payee_payers(
    p_payees text[], p_as_of timestamptz, p_sources bigint[], p_networks text[])
returns table (payee text, payers bigint) language sql stable as $$
    select r.payee, count(*) from (
        select c.key2 as payee, c.key1 from (
            select t.key1, t.key2, t.payments::numeric from analytics_runningtotal t
            where t.kind = 'route' and t.key2 = any(p_payees) and t.network_id = any(p_networks)
              and (p_sources is null or t.source_id = any(p_sources))
            union all
            select a.key1, a.key2, a.payments
            from analytics_changes('route', p_as_of, p_sources, p_networks) a
            where a.key2 = any(p_payees)
        ) c group by c.key1, c.key2 having sum(c.payments) > 0
    ) r group by 1
$$;
"""

DROP = """
drop function analytics_payee_payers;
drop function analytics_top;
drop function analytics_changes;
drop trigger revenue_marks_on_delete on billing_revenuerecord;
drop trigger revenue_marks_old_on_update on billing_revenuerecord;
drop trigger revenue_marks_new_on_update on billing_revenuerecord;
drop trigger revenue_marks_on_insert on billing_revenuerecord;
drop function analytics_mark_old_money;
drop function analytics_mark_new_money;
drop trigger payment_marks_on_update on billing_payment;
drop trigger payment_marks_on_insert on billing_payment;
drop function analytics_mark_update;
drop function analytics_mark_insert;
drop view analytics_daily_live;
drop view analytics_hourly_live;
drop view analytics_quarter_hour_live;
drop function analytics_stats;
drop function analytics_facts;
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0001_initial"), ("billing", "0003_known_chains")]

    operations = [
        migrations.RunSQL([FACTS, STATS, LIVE_VIEWS, TRIGGERS, TOPS], [DROP]),
        migrations.RunSQL(
            ["insert into analytics_rollupstate (id, mismatches) values (1, 0)"],
            [migrations.RunSQL.noop],
        ),
    ]
