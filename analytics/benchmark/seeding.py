"""Payments by the million, made in SQL; triggers write revenue, marks and running deltas."""

from django.db import connection

from analytics.rollups import fold_totals, roll_stale
from analytics.uniques import roll_unique_days

CHUNK = 50_000
LONG = 86_400.0

# Skewed payers and payees, log-normal-like amounts, a fee of 0.3 % and at least 0.001,
# 3 % failed, 1 % open, spread evenly over the 89 days before now, in the order of time give or
# take an hour, as payments come in.
PAYMENTS = """
insert into billing_payment (
    source_id, payment_id, status, payer, payee, network_id, kind, is_volume, is_disputed,
    resource, amount, authorized_amount, settled_amount, amount_usd, fee, fee_usd, transaction,
    settlement_ms, error_class, error, failed_stage, started_at, received_at, settled_at, failed_at)
select s.id, 'benchmark-' || d.n, d.status, '0xpayer' || floor(power(d.a, 3) * 50000),
    '0xpayee' || floor(power(d.b, 3) * 2000),
    (array['eip155:8453', 'eip155:137', 'eip155:42161', 'eip155:1'])[1 + floor(power(d.c, 2) * 4)],
    'charge', true, false, '/resource/' || floor(d.b * 200), d.amount, d.amount,
    case when d.status = 'settled' then d.amount end, d.amount,
    case when d.status = 'settled' then d.fee end, case when d.status = 'settled' then d.fee end,
    case when d.status = 'settled' then '0x' || md5(d.n::text) end,
    case when d.status = 'settled' then d.ms end,
    case when d.status = 'failed' then 'insufficient_funds' end,
    case when d.status = 'failed' then 'insufficient_funds' end,
    case when d.status = 'failed' then 'verify' end,
    d.at, d.at,
    case when d.status = 'settled' then d.at + d.ms * interval '1 millisecond' end,
    case when d.status = 'failed' then d.at + interval '1 second' end
from (
    select r.*, greatest(round(r.amount * 0.003, 6), 0.001) as fee,
        case when r.a < 0.03 then 'failed' when r.a < 0.04 then 'received' else 'settled' end
            as status
    from (
        select n, random() as a, random() as b, random() as c,
            round(exp(random() * 6 - 3)::numeric, 6) as amount,
            floor(300 + 4000 * random() * random())::int as ms,
            now() - interval '1 hour' - random() * interval '1 hour'
                - interval '89 days' * (%(wanted)s - n) / %(wanted)s as at
        from generate_series(%(first)s::int, %(last)s::int) n
    ) r
) d
cross join (select min(id) as id from billing_source) s
"""


def seed_payments(wanted: int) -> None:
    """Make that many payments; then roll everything up, as workers would."""
    with connection.cursor() as cursor:
        for first in range(1, wanted + 1, CHUNK):
            cursor.execute("select setseed(%s)", [1 / first])
            last = min(first + CHUNK - 1, wanted)
            cursor.execute(PAYMENTS, {"first": first, "last": last, "wanted": wanted})
    catch_up()


def catch_up() -> None:
    """Leave nothing stale, and the statistics of the planner fresh."""
    roll_stale(LONG)
    fold_totals(LONG)
    while roll_unique_days():
        continue
    vacuum()


def vacuum() -> None:
    """What autovacuum does in time."""
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
