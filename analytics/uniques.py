"""Distinct payers and payees of local days, kept ready for UTC and the configured zones.

Same rule as rollups: marks are consumed before the facts are read, in one short transaction.
"""

from datetime import date
from typing import Any

from django.conf import settings
from django.db import connection, transaction

DAYS_AT_ONCE = 7

_STALE = """
select distinct day from analytics_staleunique where zone = %s order by day desc limit %s
"""
_LOCK = """
select d from unnest(%(days)s::date[]) d
where pg_try_advisory_xact_lock(hashtext('unique ' || %(zone)s), d - date '2000-01-01')
"""
_CONSUME = "delete from analytics_staleunique where zone = %(zone)s and day = any(%(days)s)"
_CLEAR = "delete from analytics_dailyunique where zone = %(zone)s and day = any(%(days)s)"

# Distinct first, scopes after: the sets are small then. The row of scope ` all` over all sources
# is written even when it counts nothing: it says that the day was counted.
_COUNT = """
with people as materialized (
    select distinct d, p.source_id, p.network_id, n.is_registered and not n.is_testnet as is_main,
        k.payer, k.payee
    from unnest(%(days)s::date[]) d
    cross join lateral (
        select x.source_id, x.network_id, x.payer, x.payee, x.status
        from billing_payment x
        where x.settled_at >= analytics_midnight(d, %(zone)s)
          and x.settled_at < analytics_midnight(d + 1, %(zone)s) offset 0
    ) p
    join billing_network n on n.chain_id = p.network_id
    cross join lateral (values (p.payer, null::text), (null, p.payee)) k (payer, payee)
    where p.status = 'settled' and coalesce(k.payer, k.payee) is not null
)
insert into analytics_dailyunique (zone, day, source_id, scope, payers, payees)
select %(zone)s, d, source_id, scope, count(payer), count(payee)
from (
    select people.d, o.source_id, s.scope, payer, payee
    from people
    cross join lateral (values (people.source_id), (null)) o (source_id)
    cross join lateral (values (people.network_id::text), (' all'),
        (case when is_main then ' main' end)) s (scope)
    where s.scope is not null
    group by 1, 2, 3, 4, 5
) one_each
group by 1, 2, 3, 4
union all
select %(zone)s, e, null, ' all', 0, 0 from unnest(%(days)s::date[]) e
where not exists (select 1 from people where people.d = e)
"""

_NEW_ZONE = """
insert into analytics_staleunique (zone, day)
select distinct %(zone)s, (bucket at time zone %(zone)s)::date from analytics_quarterhourstat
where not exists (select 1 from analytics_dailyunique where zone = %(zone)s)
  and not exists (select 1 from analytics_staleunique where zone = %(zone)s)
"""
_FORGET = """
with marks as (delete from analytics_staleunique where zone <> all(%(zones)s))
delete from analytics_dailyunique where zone <> all(%(zones)s)
"""


def zones() -> list[str]:
    """UTC and the zones of PAYGATE_ZONES, each once."""
    return sorted({"UTC", *settings.PAYGATE_ZONES})


def follow_zones() -> None:
    """Forget zones no longer configured, since nobody marks their days; mark all days of new ones.

    It must come before buckets are rolled: rolling consumes their marks.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_FORGET, {"zones": zones()})
        for zone in zones():
            cursor.execute(_NEW_ZONE, {"zone": zone})


def roll_unique_days() -> int:
    """Count some stale local days of every zone again, newest first; how many days."""
    return sum(_roll_zone(zone) for zone in zones())


def _roll_zone(zone: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_STALE, [zone, DAYS_AT_ONCE])
        days = [row[0] for row in cursor.fetchall()]
    return len(roll(zone, days)) if days else 0


def roll(zone: str, days: list[date]) -> list[date]:
    """Replace the counts of some local days; those it could lock."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LOCK, {"zone": zone, "days": days})
        args: dict[str, Any] = {"zone": zone, "days": [row[0] for row in cursor.fetchall()]}
        if args["days"]:
            cursor.execute(_CONSUME, args)
            cursor.execute(_CLEAR, args)
            cursor.execute(_COUNT, args)
    return list(args["days"])
