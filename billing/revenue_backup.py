"""The money book as a file, and in again without counting anything twice.

Most of the book is projected from payments and batches and cannot be written by hand. So the file
has, beside the records, the events that they come from, each once and verbatim: these go through
the door, which knows what it has already, and the records are what the book must say then.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, TextIO

from django.db import connection, transaction

from billing.backup import OUTCOMES, post
from billing.checked_lines import AT_ONCE, BadBackup, groups_of, members_with, sealed
from billing.ingest.merge import encoded
from billing.models import Source

FORMAT = "paygate-revenue-1"
SHOWN = 20

# A batch without a network of its own has its payments': their events belong to it.
CHOSEN = """
with chosen as materialized (
    select r.* from billing_revenuerecord r join billing_source s on s.id = r.source_id
    where (%(start)s::timestamptz is null or r.at >= %(start)s)
      and (%(end)s::timestamptz is null or r.at < %(end)s)
      and (%(source)s::text is null or s.slug = %(source)s)
)
"""
EVENTS = f"""{CHOSEN}
, batches as materialized (
    select b.* from billing_settlementbatch b
    where (b.source_id, b.batch_id) in (
        select source_id, batch_id from chosen where batch_id is not null)
), payments as (
    select source_id, payment_id from chosen where payment_id is not null
    union
    select l.source_id, l.payment_id from batches b join billing_batchpayment l on l.batch_id = b.id
), ids as (
    select e.id from payments p join billing_event e using (source_id, payment_id)
    union
    select e.id from chosen c join billing_event e using (source_id, event_id)
    union
    select e.id from batches b
    join billing_event e on e.source_id = b.source_id and e.event_id = b.settled_stage[2]
)
select s.slug, e.body
from ids join billing_event e using (id) join billing_source s on s.id = e.source_id
order by e.id
"""  # noqa: S608 - composed of constants
RECORDS = f"""{CHOSEN}
select s.slug, jsonb_build_object('kind', c.kind, 'isProjection', c.is_projection,
    'eventId', c.event_id, 'paymentId', c.payment_id, 'batchId', c.batch_id,
    'network', c.network_id, 'asset', c.asset, 'amount', c.amount::text,
    'amountUsd', c.amount_usd::text, 'at', c.at)
from chosen c join billing_source s on s.id = c.source_id
order by c.at, c.id
"""  # noqa: S608 - composed of constants

# By the identities that constraints of the table keep unique, one index each. USD values are not
# compared: they follow the prices of the portal that holds the book.
COMPARE = """
select case when r.id is null then 'missing'
    when (r.kind, r.payment_id, r.batch_id, r.network_id, r.asset, r.amount, r.at)
        is distinct from (f.kind, f."paymentId", f."batchId", f.network, f.asset, f.amount, f.at)
    then 'different' else 'same' end
from json_to_recordset(%s::json) as f (place int, source text, kind text, "isProjection" boolean,
    "eventId" text, "paymentId" text, "batchId" text, network text, asset text, amount numeric,
    at timestamptz)
join billing_source s on s.slug = f.source
left join lateral (
    select e.* from billing_revenuerecord e
    where not f."isProjection" and not e.is_projection
      and e.source_id = s.id and e.event_id = f."eventId"
    union all
    select p.* from billing_revenuerecord p
    where f."isProjection" and p.is_projection
      and p.source_id = s.id and p.payment_id = f."paymentId" and p.kind = f.kind
    union all
    select b.* from billing_revenuerecord b
    where f."isProjection" and f."paymentId" is null and b.is_projection
      and b.source_id = s.id and b.batch_id = f."batchId" and b.kind = f.kind
) r on true
order by f.place
"""


@dataclass
class Taken:
    """What became of a file: its events by outcome, its records by what the book says now."""

    events: dict[str, int]
    records: Counter[str]
    doubtful: list[str]  # records that are not as in the file, the first of them


def lines(start: datetime | None, end: datetime | None, source: str | None) -> Iterator[str]:
    """The file's lines: records of [start, end), of one source or all, as of one moment."""
    with _one_moment():
        bound = {"start": start, "end": end, "source": source}
        yield from sealed({"format": FORMAT}, _rows(bound), "lines")


def sources_of(file: TextIO) -> dict[str, Source]:
    """The sources that a checked file names, by slug. BadBackup when one is not here."""
    named = {members["source"] for members in members_with(file, "source")}
    found = {source.slug: source for source in Source.objects.filter(slug__in=named)}
    missing = sorted(named - set(found))
    if missing:
        raise BadBackup(f"there is no source {', '.join(missing)}: create it first")
    return found


def take(file: TextIO) -> Taken:
    """Send the events of a checked file through the door, then look up every record."""
    sources = sources_of(file)
    taken = Taken(dict.fromkeys(OUTCOMES, 0), Counter(), [])
    for slug, events in groupby(members_with(file, "event"), lambda members: members["source"]):
        for group in groups_of(members["event"] for members in events):
            post(group, sources[slug], taken.events)
    for records in groups_of(members_with(file, "record")):
        _compare(records, taken)
    return taken


def _rows(bound: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for slug, body in _streamed(EVENTS, bound):
        yield {"source": slug, "event": body}
    for slug, record in _streamed(RECORDS, bound):
        yield {"source": slug, "record": json.loads(record)}


def _streamed(sql: str, bound: dict[str, Any]) -> Iterator[tuple[str, str]]:
    with connection.chunked_cursor() as cursor:
        cursor.cursor.itersize = AT_ONCE
        cursor.execute(sql, bound)
        yield from cursor.cursor


@contextmanager
def _one_moment() -> Iterator[None]:
    isolation = "" if connection.in_atomic_block else "isolation level repeatable read"
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"set transaction {isolation} read only")
        yield
        transaction.set_rollback(True)  # nothing was written


def _compare(records: list[dict[str, Any]], taken: Taken) -> None:
    rows = [
        {**members["record"], "source": members["source"], "place": place}
        for place, members in enumerate(records)
    ]
    with connection.cursor() as cursor:
        cursor.execute(COMPARE, [encoded(rows)])
        found = [row[0] for row in cursor.fetchall()]
    taken.records.update(found)
    for row, said in zip(rows, found, strict=True):
        if said != "same" and len(taken.doubtful) < SHOWN:
            name = row["eventId"] or row["paymentId"] or row["batchId"]
            taken.doubtful.append(f"{said}: {row['source']} {row['kind']} {name}")
