"""How the balance of one key changed other than by calls, newest first."""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from rest_framework import serializers

from analytics.params import Parameter
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.reports.gateway._one_key import OneKeySpanParams, named_key
from analytics.units import OMITTED, Count, Credits, IsoMs

Kind = Literal[
    "initial",
    "topup",
    "auto_topup",
    "transfer_in",
    "transfer_out",
    "deduction",
    "refund",
    "adjust",
    "expire",
]
MOST = 200


def _number(member: str) -> str:
    """A member as a number, null when it is none: what gateways log may be anything."""
    text = f"(t.m ->> '{member}')"
    return f"case when {text} ~ '^[0-9]{{1,30}}(\\.[0-9]{{1,30}})?$' then {text}::numeric end"


# What both the audit log and the webhook tell counts once; the webhook may be a millisecond late.
TOLD = """
    logged as materialized (
        select a.at, a.audit_id as place, a.type::text as type, a.metadata::json as m
        from billing_gatewayauditevent a
        where a.source_id = %(source)s and a.at <= %(as_of)s
          and a.type in ('key.created', 'key.cloned', 'key.topup', 'key.auto_topped_up',
                'key.credits_transferred')
          and strpos(a.metadata, '"' || %(mask)s || '"') > 0
    ), told as (
        select * from logged
        union all
        select g.at, g.id, g.type::text, g.metadata::json
        from billing_gatewayevent g
        where g.source_id = %(source)s and g.at <= %(as_of)s
          and (g.key_mask = %(mask)s or g.other_mask = %(mask)s)
          and not exists (
            select from logged l
            where l.type = g.type and l.at between g.at - interval '2 milliseconds'
                                               and g.at + interval '2 milliseconds')
    )
"""

LINES = f"""
    lines as (
        select t.at, t.place, l.type, l.amount, l.after - l.sign * l.amount as before, l.after,
            null as tool, nullif(l.memo, '') as memo
        from told t
        cross join lateral (
            select 'initial' as type, {_number("credits")} as amount, 1 as sign,
                {_number("credits")} as after, null as memo
            where t.type in ('key.created', 'key.cloned')
              and %(mask)s in (t.m ->> 'keyMasked', t.m ->> 'newKeyMasked')
            union all
            select case t.type when 'key.topup' then 'topup' else 'auto_topup' end,
                {_number("creditsAdded")}, 1, {_number("newBalance")}, t.m ->> 'memo'
            where t.type in ('key.topup', 'key.auto_topped_up')
            union all
            select 'transfer_out', {_number("credits")}, -1, {_number("fromBalance")},
                t.m ->> 'memo'
            where t.type = 'key.credits_transferred' and t.m ->> 'fromKeyMasked' = %(mask)s
            union all
            select 'transfer_in', {_number("credits")}, 1, {_number("toBalance")}, t.m ->> 'memo'
            where t.type = 'key.credits_transferred' and t.m ->> 'toKeyMasked' = %(mask)s
        ) l
        where l.amount is not null and l.after is not null and not exists (
            select from billing_apikey o
            where o.source_id = %(source)s and o.mask = %(mask)s and o.id <> %(key)s)
        union all
        select e.at, e.id, case e.kind when 'grant' then 'initial' when 'charge' then 'deduction'
                else e.kind::text end,
            abs(e.amount), e.balance_before, e.balance_after, nullif(e.tool, ''),
            nullif(e.memo, '')
        from billing_creditentry e
        where e.key_id = %(key)s and e.at <= %(as_of)s
    )
"""  # noqa: S608 - composed of constants

ENTRIES = f"""
with {TOLD}, {LINES}
select l.type, l.amount, l.before as balance_before, l.after as balance_after, l.tool, l.memo,
    l.at as timestamp
from lines l
where (%(type)s::text is null or l.type = %(type)s)
  and (%(start)s::timestamptz is null or l.at >= %(start)s) and l.at < %(end)s
order by l.at desc, l.place desc
limit %(limit)s
"""  # noqa: S608 - composed of constants

COUNT = f"with {TOLD}, {LINES} select count(*) as total from lines"  # noqa: S608 - as above


@dataclass(frozen=True, kw_only=True)
class KeysCreditHistoryParams(OneKeySpanParams):
    """Of one key, entries of one kind or all, so many."""

    kind: Annotated[
        str | None,
        Parameter(
            lambda **options: serializers.ChoiceField(choices=get_args(Kind), **options),
            "Only entries of this type.",
            "type",
        ),
    ] = None
    limit: Annotated[
        int,
        Parameter(
            lambda **options: serializers.IntegerField(min_value=1, max_value=MOST, **options),
            f"Entries at most, 1 to {MOST}.",
        ),
    ] = 50


@dataclass(frozen=True)
class KeysCreditHistoryEntry:
    """A change of the balance; the amount is never negative."""

    type: Kind
    amount: Credits
    balance_before: Credits
    balance_after: Credits
    tool: Annotated[str | None, OMITTED]
    memo: Annotated[str | None, OMITTED]
    timestamp: IsoMs


@dataclass(frozen=True)
class KeysCreditHistoryCount:
    """How many entries."""

    total: Count


@dataclass(frozen=True)
class KeysCreditHistory:
    """A key, its balance now, and how it came about."""

    key: str | None
    name: str | None
    current_balance: Credits | None
    total_entries: Count
    entries: list[KeysCreditHistoryEntry]


@report(Family.GATEWAY)
def keys_credit_history(params: KeysCreditHistoryParams, snapshot: Snapshot) -> KeysCreditHistory:
    """Credit history of a key.

    The credits that the key named by `key` was given, topped up, sent and received, newest first,
    with its balance before and after each. Of a gateway's key it is made of what the audit log
    and the webhook tell: it outlives the gateway's own ledger, which forgets at each restart and
    keeps 100 entries, but knows nothing that was told by neither (bulk and scheduled top-ups), nor
    what happened under a mask that several keys share. Calls are not in it, as in the gateway's.
    Of a key issued here it is its ledger, where every call is a deduction. totalEntries counts
    all of the key, whatever is asked for. Without `key` the answer is of no key. Default window:
    all time.
    """
    found = named_key(snapshot, params.key)
    which = {"key": found.id, "source": found.source_id, "mask": found.mask or None}
    span = bounds(params.range(snapshot.as_of))
    return KeysCreditHistory(
        key=found.key,
        name=found.name,
        current_balance=found.credits,
        total_entries=snapshot.one(KeysCreditHistoryCount, COUNT, **which).total,
        entries=snapshot.fetch(
            KeysCreditHistoryEntry,
            ENTRIES,
            type=params.kind,
            limit=params.limit,
            **which,
            **span,
        ),
    )
