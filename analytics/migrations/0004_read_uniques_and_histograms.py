"""Reading daily unique counts and histograms; frozen text."""

from django.db import migrations

ORIGIN = "timestamptz '2000-01-01 00:00:00+00'"

# 1.0198 = (1 + a) / (1 - a) for a = 0.0098: a bin's value is at most 0.98 % off.
BINS = """
create function analytics_bin(p_value numeric) returns int language sql immutable as $$
    select case when p_value > 0 then ceil(ln(p_value::float8) / ln(1.0198::float8))::int
                else -1000000 end
$$;
create function analytics_bin_value(p_bin int) returns float8 language sql immutable as $$
    select case when p_bin = -1000000 then 0::float8
                else 2 * power(1.0198::float8, p_bin) / 2.0198::float8 end
$$;
"""

HISTOGRAM = f"""
create function analytics_quantile_histogram(
    p_from timestamptz, p_to timestamptz, p_sources bigint[], p_networks text[], p_measure text)
returns table (value float8, count bigint) language sql stable as $$
    with edge as materialized (
        select w.lo, w.hi,
            date_bin('1 day', w.lo + interval '1 day' - interval '1 microsecond', {ORIGIN}) as d_lo,
            date_bin('1 day', w.hi, {ORIGIN}) as d_hi
        from (select coalesce(p_from, {ORIGIN}) as lo,
                     coalesce(p_to, timestamptz '2200-01-01 00:00:00+00') as hi) w
    ),
    dirty as materialized (
        select distinct m.day as lo from analytics_stalemark m, edge e
        where m.bucket >= e.d_lo and m.bucket < e.d_hi
    ),
    raw_part as (
        select lo, least(d_lo, hi) as hi from edge
        union all select greatest(d_hi, d_lo), hi from edge where d_lo <= hi
        union all select lo, lo + interval '1 day' from dirty
    ),
    binned as (
        select b.key::int as bin, b.value::bigint as n
        from edge e
        join analytics_dailyhistogram h on h.bucket >= e.d_lo and h.bucket < e.d_hi
        cross join lateral jsonb_each_text(h.bins) b
        where h.measure = p_measure and h.bucket not in (select lo from dirty)
          and h.network_id = any(p_networks)
          and (p_sources is null or h.source_id = any(p_sources))
        union all
        select analytics_bin(v.value), 1
        from raw_part r
        cross join lateral (
            select x.* from billing_payment x
            where x.started_at >= r.lo and x.started_at < r.hi offset 0
        ) p
        cross join lateral (
            select case when p_measure = 'settlement_ms' then p.settlement_ms
                        when p.is_volume then p.amount_usd end as value
        ) v
        where r.lo < r.hi and p.status = 'settled' and v.value is not null
          and p.network_id = any(p_networks)
          and (p_sources is null or p.source_id = any(p_sources))
    )
    select analytics_bin_value(bin), sum(n)::bigint from binned group by bin
$$;
"""

# A local day begins at its first instant: where a clock is set back at midnight, the earlier one.
# A stored count is used for whole days that no mark concerns, when what is asked for is one of
# the stored scopes; every other day is counted from the facts.
UNIQUES = """
create function analytics_midnight(p_day date, p_zone text) returns timestamptz
language sql stable as $$
    select coalesce(
        min(v.at) filter (where (v.at at time zone p_zone)::date = p_day),
        p_day::timestamp at time zone p_zone)
    from (
        select p_day::timestamp at time zone p_zone - shift as at
        from unnest(array['0 minutes', '30 minutes', '1 hour']::interval[]) shift
    ) v
$$;
create function analytics_daily_uniques(
    p_from_day date, p_to_day date, p_zone text, p_as_of timestamptz,
    p_sources bigint[], p_networks text[])
returns table (day date, payers bigint, payees bigint) language sql stable as $$
    with asked as materialized (
        select case
                when cardinality(p_networks) = 1 then p_networks[1]
                when array(select unnest(p_networks) order by 1)
                     = array(select chain_id::text from billing_network
                             where is_registered and not is_testnet order by 1) then ' main'
                when array(select unnest(p_networks) order by 1)
                     = array(select chain_id::text from billing_network order by 1) then ' all'
            end as scope,
            coalesce(cardinality(p_sources), 1) = 1 as one_source,
            p_sources[1] as source_id
    ),
    days as materialized (
        select d.day, d.lo, least(d.hi, p_as_of + interval '1 microsecond') as hi,
            a.scope is not null and a.one_source and d.hi <= p_as_of
            and exists (select 1 from analytics_dailyunique u
                        where u.zone = p_zone and u.day = d.day and u.scope = ' all'
                          and u.source_id is null)
            and not exists (select 1 from analytics_staleunique m
                            where m.zone = p_zone and m.day = d.day)
            and not exists (select 1 from analytics_stalemark m
                            where m.grain = 0 and m.bucket >= d.lo and m.bucket < d.hi)
            as is_ready
        from asked a
        cross join lateral (
            select x::date as day, analytics_midnight(x::date, p_zone) as lo,
                analytics_midnight(x::date + 1, p_zone) as hi
            from generate_series(p_from_day, p_to_day, interval '1 day') x
        ) d
    )
    select d.day, coalesce(u.payers, 0), coalesce(u.payees, 0)
    from days d cross join asked a
    left join analytics_dailyunique u on u.zone = p_zone and u.day = d.day
        and u.scope = a.scope and u.source_id is not distinct from a.source_id
    where d.is_ready
    union all
    select d.day, f.payers, f.payees
    from days d
    cross join lateral (
        select count(distinct p.payer) as payers, count(distinct p.payee) as payees
        from billing_payment p
        where p.status = 'settled' and p.settled_at >= d.lo and p.settled_at < d.hi
          and p.network_id = any(p_networks)
          and (p_sources is null or p.source_id = any(p_sources))
    ) f
    where not d.is_ready
$$;
create function analytics_network_class_changed() returns trigger language plpgsql as $$
begin
    insert into analytics_staleunique (zone, day)
    select u.zone, u.day from analytics_dailyunique u
    union select m.zone, m.day from analytics_staleunique m;  -- being counted at this moment
    return null;
end $$;
create trigger network_class_marks_uniques
    after update of is_registered, is_testnet on billing_network
    for each statement execute function analytics_network_class_changed();
"""

DROP = """
drop trigger network_class_marks_uniques on billing_network;
drop function analytics_network_class_changed;
drop function analytics_daily_uniques;
drop function analytics_midnight;
drop function analytics_quantile_histogram;
drop function analytics_bin_value;
drop function analytics_bin;
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0003_uniques_and_histograms")]

    operations = [migrations.RunSQL([BINS, HISTOGRAM, UNIQUES], [DROP])]
