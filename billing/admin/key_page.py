"""What a key's page shows below its figures: ledger, usage, timeline, notes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from billing.admin import figures
from billing.models import ApiKey, CreditEntry, KeyNote
from billing.models.keys import CreditKind

DAYS, LINES, MOMENTS = 30, 50, 50

_USAGE = """
select d::date, coalesce(u.calls, 0), coalesce(u.denied, 0), coalesce(u.credits, 0)
from generate_series(
    date_trunc('day', now() at time zone 'UTC') - interval '29 days',
    date_trunc('day', now() at time zone 'UTC'), interval '1 day') d
left join (
    select date_trunc('day', at at time zone 'UTC') as day,
        count(*) filter (where allowed) as calls,
        count(*) filter (where not allowed) as denied,
        sum(credits) filter (where allowed) as credits
    from billing_usageevent
    where key_id = %(key)s and at >= (date_trunc('day', now() at time zone 'UTC')
        - interval '29 days') at time zone 'UTC'
    group by 1
) u on u.day = d
order by d
"""

# A gateway's key has no ledger of ours: its events say what came and went. They begin with its
# birth, so the opening line is what the oldest event does not explain.
_MOVEMENTS = """
select e.at, e.type,
    e.times * case
        when e.type in ('key.topup', 'key.auto_topped_up')
            then (e.metadata::json ->> 'creditsAdded')::numeric
        when e.type = 'key.credits_transferred' and e.other_mask <> %(mask)s
            then -(e.metadata::json ->> 'credits')::numeric
        else (e.metadata::json ->> 'credits')::numeric
    end
from billing_gatewayevent e
where e.source_id = %(source)s
  and (e.key_mask = %(mask)s and e.type in
        ('key.topup', 'key.auto_topped_up', 'key.credits_transferred')
    or e.other_mask = %(mask)s and e.type in ('key.created', 'key.cloned',
        'key.credits_transferred'))
order by e.at desc, e.content_hash
limit %(limit)s
"""

_TIMELINE = """
select at, what, who, said from (
    (select e.at, e.type as what, e.actor as who, '' as said
     from billing_gatewayevent e
     where %(mask)s <> '' and e.source_id = %(source)s
       and (e.key_mask = %(mask)s or e.other_mask = %(mask)s)
     order by e.at desc limit %(limit)s)
    union all
    (select a.created_at, 'action: ' || a.kind || ' (' || a.status || ')', a.actor,
        a.reason || case when a.outcome <> '' then ' · ' || a.outcome else '' end
     from billing_keyaction a where a.key_id = %(key)s order by a.id desc limit %(limit)s)
    union all
    (select x.at, 'audit: ' || x.type, x.actor, x.message
     from billing_gatewayauditevent x
     where %(mask)s <> '' and x.source_id = %(source)s and x.type = any(%(types)s)
       and strpos(x.metadata, %(quoted)s) > 0
     order by x.at desc limit %(limit)s)
) t
order by at desc
limit %(limit)s
"""

# The audit log's own words about single keys; the bulk of it, each call's verdict, is left out.
AUDIT_TYPES = [
    *("key.created", "key.cloned", "key.topup", "key.auto_topped_up", "key.revoked"),
    *("key.auto_topup_configured", "key.suspended", "key.resumed", "key.rotated"),
    *("key.credits_transferred", "key.acl_updated", "key.expiry_updated", "key.quota_updated"),
    *("key.tags_updated", "key.ip_updated", "key.limit_updated", "group.key_assigned"),
    *("group.key_removed", "schedule.executed", "credits.committed"),
]


@dataclass(frozen=True)
class LineShown:
    """A line of a ledger written out."""

    time: str
    kind: str
    amount: str
    balance: str
    memo: str
    actor: str


@dataclass(frozen=True)
class Moment:
    """Something that happened to the key."""

    time: str
    what: str
    who: str
    said: str


@dataclass(frozen=True)
class Chart:
    """A chart as static/paygate/charts.js draws it: one bar a day."""

    id: str
    title: str
    unit: str
    labels: Sequence[str]
    series: Sequence[dict[str, Any]]
    kind: str = "bar"

    @property
    def block(self) -> str:
        """The id of its JSON block."""
        return f"chart-{self.id}"

    @property
    def data(self) -> dict[str, Any]:
        """The JSON block."""
        return {
            "kind": self.kind,
            "unit": self.unit,
            "labels": self.labels,
            "series": self.series,
        }

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see but zeros."""
        return not any(value for one in self.series for value in one["values"])


@dataclass(frozen=True)
class KeyEvidence:
    """Everything below a key's figures."""

    lines: list[LineShown]
    has_more_lines: bool
    charts: list[Chart]
    moments: list[Moment]
    notes: list[tuple[KeyNote, str]]


def key_evidence(key: ApiKey) -> KeyEvidence:
    """A handful of queries, each through an index on the key, its mask or the type of event."""
    lines, has_more = _ledger(key) if key.is_issued_here else _movements(key)
    notes = KeyNote.objects.filter(key=key)[:LINES]
    return KeyEvidence(
        lines=lines,
        has_more_lines=has_more,
        charts=_charts(key),
        moments=_timeline(key),
        notes=[(note, figures.moment(note.at)) for note in notes],
    )


def _ledger(key: ApiKey) -> tuple[list[LineShown], bool]:
    rows = list(CreditEntry.objects.filter(key=key)[: LINES + 1])
    shown = [
        _line(
            row.at,
            row.get_kind_display(),
            row.amount,
            row.balance_after,
            row.memo or row.tool,
            row.actor,
        )
        for row in rows[:LINES]
    ]
    return shown, len(rows) > LINES


def _movements(key: ApiKey) -> tuple[list[LineShown], bool]:
    """Newest first: what its calls spent, what events moved, and the opening that is left."""
    rows: list[tuple[datetime, str, Decimal | None]] = []
    if key.mask:
        values = {"source": key.source_id, "mask": key.mask, "limit": LINES + 1}
        rows = _rows(_MOVEMENTS, values)
    known = [(at, kind, amount) for at, kind, amount in rows[:LINES] if amount is not None]
    opening = key.credits + key.total_spent - sum((row[2] for row in known), Decimal(0))
    spent = _line(key.last_used_at, "Calls, in all", -key.total_spent, key.credits, "", "")
    shown = [spent] + [_line(at, kind, amount, None, "", "gateway") for at, kind, amount in known]
    if opening:
        label = f"{CreditKind.ADJUST.label}: opening, derived"
        shown.append(_line(key.created_at, label, opening, None, "not explained by events", ""))
    return shown, len(rows) > LINES


def _line(
    at: datetime | None,
    kind: str,
    amount: Decimal,
    balance: Decimal | None,
    memo: str,
    actor: str,
) -> LineShown:
    sign = "+" if amount > 0 else ""
    return LineShown(
        time=figures.moment(at),
        kind=kind,
        amount=f"{sign}{figures.exact(amount)}",
        balance=figures.exact(balance),
        memo=memo,
        actor=actor,
    )


def _charts(key: ApiKey) -> list[Chart]:
    rows: list[tuple[date, int, int, Decimal]] = _rows(_USAGE, {"key": key.pk})
    labels = [f"{day:%d %b %Y}" for day, *_ in rows]
    calls = [
        {"label": "Allowed", "values": [row[1] for row in rows]},
        {"label": "Denied", "values": [row[2] for row in rows]},
    ]
    credits = [{"label": "Credits", "values": [str(row[3]) for row in rows]}]
    is_idle = not any(row[3] for row in rows)
    shown = [] if is_idle else [Chart("credits", "Credits a day", "credits", labels, credits)]
    return [Chart("calls", "Calls a day", "calls", labels, calls), *shown]


def _timeline(key: ApiKey) -> list[Moment]:
    values = {
        "key": key.pk,
        "source": key.source_id,
        "mask": key.mask,
        "quoted": f'"{key.mask}"',
        "types": AUDIT_TYPES,
        "limit": MOMENTS,
    }
    return [
        Moment(figures.moment(at), what, who, said)
        for at, what, who, said in _rows(_TIMELINE, values)
    ]


def _rows(statement: str, values: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[Any] = cursor.fetchall()
    return rows
