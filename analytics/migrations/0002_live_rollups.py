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


# Plans of plpgsql live as long as the session, and these are costly to make: what a read has left
# to plan is short. They are good for every window, so that none is made for a call's own values,
# and use indexes even if made while a table was small: it may grow before it is analyzed.
GENERIC = "set plan_cache_mode = force_generic_plan set enable_seqscan = off"


def gaps(lo: str, hi: str, holes: str) -> str:
    """What disjoint holes, each inside [lo, hi), leave of it; lo and hi are columns of edge."""
    return f"""
        select g.lo, g.hi from (
            select coalesce(lag(h.hi) over (order by h.lo), e.{lo}) as lo, h.lo as hi
            from edge e cross join lateral ({holes} union all select e.{hi}, e.{hi}) h (lo, hi)
        ) g where g.lo < g.hi"""


def stale(lo: str, hi: str, mark: str, width: str, condition: str) -> str:
    return (
        f"select distinct d.{mark}, d.{mark} + interval '{width}' from dirty d"
        f" where d.{mark} >= e.{lo} and d.{mark} < e.{hi} and {condition}"
    )


# Any window, exactly: clean days inside it (grain 2), clean hours of what is left (1), clean
# quarter hours of what is left (0), and what is left then is read from the facts (-1): dirty
# quarter hours and the edges that cut one.
PARTS = f"""
create function analytics_parts(p_from timestamptz, p_to timestamptz, p_grain int)
returns table (grain int, lo timestamptz, hi timestamptz)
language plpgsql stable rows 10 {GENERIC} as $$
#variable_conflict use_column
begin return query
    with edge as materialized (
        select w.lo, w.hi, q.lo as q_lo, q.hi as q_hi, h.lo as h_lo, h.hi as h_hi,
            case when p_grain >= 2 then d.lo else h.hi end as d_lo,
            case when p_grain >= 2 then d.hi else h.hi end as d_hi
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
        from edge e cross join lateral (
            select x.* from analytics_stalemark x
            where x.bucket >= e.lo - interval '1 day' and x.bucket < e.hi offset 0
        ) m
    ),
    days as materialized ({gaps("d_lo", "d_hi", stale("d_lo", "d_hi", "day", "1 day", "true"))}
    ),
    hours as materialized ({gaps("h_lo", "h_hi",
        "select lo, hi from days union all "
        + stale("h_lo", "h_hi", "hour", "1 hour", "d.grain <= 1"))}
    ),
    quarters as materialized ({gaps("q_lo", "q_hi",
        "select lo, hi from days union all select lo, hi from hours union all "
        + stale("q_lo", "q_hi", "bucket", "15 minutes", "d.grain = 0"))}
    ),
    facts as ({gaps("lo", "hi",
        "select lo, hi from days union all select lo, hi from hours"
        " union all select lo, hi from quarters")}
    )
    select 2, lo, hi from days
    union all select 1, lo, hi from hours
    union all select 0, lo, hi from quarters
    union all select -1, lo, hi from facts;
end $$;
create function analytics_facts_of_part(
    p_from timestamptz, p_to timestamptz, p_sources bigint[])
returns table ({RETURNS}) language plpgsql stable rows 100 {GENERIC} as $$
begin return query select f.* from analytics_facts(p_from, p_to, p_sources) f; end $$;
"""


def stat_rows(table: str, grain: int) -> str:
    # Lateral, and fenced by offset 0: a range join would read the whole table for every part.
    return (
        "select s.* from part g cross join lateral ("
        f"select s.source_id, s.network_id, s.bucket, {', '.join('s.' + name for name in MEASURES)}"
        f" from analytics_{table} s where s.bucket >= g.lo and s.bucket < g.hi"
        f" and (p_sources is null or s.source_id = any(p_sources)) offset 0) s"
        f" where g.grain = {grain}"
    )


# One statement, one snapshot. Its callers' statements absorb it and read no column in vain.
STATS = f"""
create function analytics_stats(
    p_from timestamptz, p_to timestamptz, p_grain int, p_sources bigint[])
returns table ({RETURNS}) language sql stable as $$
    with part as materialized (select * from analytics_parts(p_from, p_to, p_grain))
    {stat_rows("dailystat", 2)}
    union all
    {stat_rows("hourlystat", 1)}
    union all
    {stat_rows("quarterhourstat", 0)}
    union all
    select f.* from part g cross join lateral analytics_facts_of_part(g.lo, g.hi, p_sources) f
    where g.grain = -1
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
TOPS = f"""
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
    where p.settled_at > p_as_of and p.settled_at < 'infinity' and p.status = 'settled' and k.kind = p_kind
      and k.key1 is not null and p.network_id = any(p_networks)
      and (p_sources is null or p.source_id = any(p_sources))
    group by 1, 2
$$;
create function analytics_top(
    p_kind text, p_limit int, p_as_of timestamptz, p_sources bigint[], p_networks text[])
returns table (key1 text, key2 text, volume numeric, payments bigint)
language plpgsql stable {GENERIC} as $$
#variable_conflict use_column
declare
    depth int := greatest(p_limit * 2, 20);
    reach numeric;
    all_seen boolean;
    keys1 text[];
    keys2 text[];
    volumes numeric[];
    counts bigint[];
begin
    loop
        with change as materialized (
            select a.key1, a.key2, sum(a.volume) as volume, sum(a.payments) as payments
            from analytics_changes(p_kind, p_as_of, p_sources, p_networks) a group by 1, 2
        ), ranked as materialized (
            select t.key1, t.key2, t.volume, t.rank
            from billing_source s cross join unnest(p_networks) n (network_id)
            cross join lateral (
                select r.key1, r.key2, r.volume, row_number() over (order by r.volume desc) as rank
                from (select x.key1, x.key2, x.volume from analytics_runningtotal x
                      where x.kind = p_kind and x.source_id = s.id
                        and x.network_id = n.network_id
                      order by x.volume desc limit depth) r
            ) t
            where p_sources is null or s.id = any(p_sources)
        ), candidate as (
            select r.key1, r.key2 from ranked r union select c.key1, c.key2 from change c
        ), total as (
            select a.key1, a.key2, sum(a.volume) as volume, sum(a.payments) as payments from (
                select c.key1, c.key2, c.volume, c.payments from change c
                union all
                select k.key1, k.key2, t.volume, t.payments
                from candidate k cross join lateral (
                    select x.volume, x.payments from analytics_runningtotal x
                    where x.kind = p_kind and x.key1 = k.key1 and x.key2 = k.key2
                      and x.network_id = any(p_networks)
                      and (p_sources is null or x.source_id = any(p_sources))
                    offset 0
                ) t
            ) a group by 1, 2 having sum(a.payments) > 0
        ), top as (
            select t.*,
                row_number() over (
                    order by t.volume desc, t.key1 collate "C", t.key2 collate "C") as place
            from total t
            order by place limit p_limit
        )
        select coalesce((select sum(r.volume) from ranked r where r.rank = depth), 0),
            not exists (select 1 from ranked r where r.rank = depth),
            array_agg(t.key1::text order by t.place), array_agg(t.key2::text order by t.place),
            array_agg(trim_scale(t.volume) order by t.place),
            array_agg(t.payments::bigint order by t.place)
        into reach, all_seen, keys1, keys2, volumes, counts
        from top t;
        exit when all_seen or volumes[p_limit] > reach;
        depth := depth * 8;
    end loop;
    return query select * from unnest(keys1, keys2, volumes, counts);
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
drop function analytics_facts_of_part;
drop function analytics_parts;
drop function analytics_facts;
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0001_initial"), ("billing", "0003_known_chains")]

    operations = [
        migrations.RunSQL([FACTS, PARTS, STATS, LIVE_VIEWS, TRIGGERS, TOPS], [DROP]),
        migrations.RunSQL(
            ["insert into analytics_rollupstate (id, mismatches) values (1, 0)"],
            [migrations.RunSQL.noop],
        ),
    ]
