"""The invariant, asked of the database in one statement each."""

from datetime import UTC, datetime

from django.db import connection

from analytics.measures import MEASURES
from analytics.models import Grain
from analytics.verify import differing

LONG_AGO, FAR_AHEAD = datetime(2015, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

_SUMS = ", ".join(f"sum({name})" for name in MEASURES)
_LIVE = f"""
with live as (
    select source_id, network_id, {_SUMS} from analytics_stats(%(lo)s, %(hi)s, %(grain)s, null)
    group by 1, 2
), raw as (
    select source_id, network_id, {_SUMS} from analytics_facts(%(lo)s, %(hi)s, null) group by 1, 2
)
(select 'live', live.* from live except select 'live', raw.* from raw)
union all
(select 'raw', raw.* from raw except select 'raw', live.* from live)
"""  # noqa: S608 - composed of constants
_TOTALS = """
with kept as (
    select kind, source_id, network_id, key1, key2, sum(volume) as volume, sum(payments) as payments
    from (select kind, source_id, network_id, key1, key2, volume, payments
          from analytics_runningtotal
          union all
          select kind, source_id, network_id, key1, key2, volume, payments
          from analytics_runningdelta) t
    group by 1, 2, 3, 4, 5 having sum(payments) <> 0 or sum(volume) <> 0
), raw as (
    select k.kind, p.source_id, p.network_id, k.key1, k.key2,
        coalesce(sum(p.amount_usd) filter (where p.is_volume), 0) as volume, count(*) as payments
    from billing_payment p
    cross join lateral (values ('payer', p.payer, ''), ('payee', p.payee, ''),
        ('route', case when p.payee is not null then p.payer end, p.payee)) k (kind, key1, key2)
    where p.status = 'settled' and k.key1 is not null
    group by 1, 2, 3, 4, 5
)
(table kept except table raw) union all (table raw except table kept)
"""
_UNIQUES = """
select d.* from (
    select * from analytics_daily_uniques('2015-01-01'::date + 4300, current_date, 'UTC',
        'infinity', null, array(select chain_id::text from billing_network
                                where is_registered and not is_testnet))
) d
full join (
    select (settled_at at time zone 'UTC')::date as day, count(distinct payer) as payers,
        count(distinct payee) as payees
    from billing_payment p join billing_network n on n.chain_id = p.network_id
    where status = 'settled' and n.is_registered and not n.is_testnet group by 1
) r using (day)
where coalesce(d.payers, 0) <> coalesce(r.payers, 0)
   or coalesce(d.payees, 0) <> coalesce(r.payees, 0)
"""


def wrong_reads(start: datetime = LONG_AGO, end: datetime = FAR_AHEAD) -> list[object]:
    """Rows in which a live read differs from the raw facts of the same snapshot, any grain."""
    found: list[object] = []
    with connection.cursor() as cursor:
        for grain in Grain:
            cursor.execute(_LIVE, {"lo": start, "hi": end, "grain": int(grain)})
            found += cursor.fetchall()
    return found


def wrong_totals() -> list[object]:
    """Running totals that differ from the facts."""
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS)
        return list(cursor.fetchall())


def wrong_uniques() -> list[object]:
    """Local days whose unique counts differ from the facts."""
    with connection.cursor() as cursor:
        cursor.execute(_UNIQUES)
        return list(cursor.fetchall())


def wrong_rollups() -> list[datetime]:
    """Clean buckets whose stored rows differ from the facts."""
    return [bucket for grain in Grain for bucket in differing(grain, LONG_AGO, FAR_AHEAD)]


def assert_invariant() -> None:
    """Every read is right, whatever is rolled."""
    assert wrong_reads() == []
    assert wrong_totals() == []
    assert wrong_rollups() == []
