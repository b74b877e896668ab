"""What a gateway's audit log holds."""

from dataclasses import dataclass
from datetime import datetime

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, IsoMs

# One pass over the log for the totals and both rankings.
TALLIES = """
with tallied as (
    select case grouping(type, actor) when 3 then 'all' when 1 then 'type' else 'actor' end
            as kind,
        coalesce(type, actor) as label, count(*) as events,
        count(*) filter (where at >= %(as_of)s - interval '1 hour') as last_hour,
        count(*) filter (where at >= %(as_of)s - interval '24 hours') as last_day,
        min(at) as oldest, max(at) as newest, min(rank) as first
    from gateway_audit(%(sources)s, %(start)s, %(end)s)
    group by grouping sets ((), (type), (actor))
), placed as (
    select *, row_number() over (partition by kind order by events desc, first) as place
    from tallied
)
select kind, coalesce(label, '') as label, events, last_hour, last_day, oldest, newest
from placed
where kind <> 'actor' or place <= 10
order by kind, place
"""

NEWEST = """
select audit_id as id, at as timestamp, type, actor, message
from gateway_audit(%(sources)s, %(start)s, %(end)s)
order by rank desc
limit 20
"""


@dataclass(frozen=True)
class AuditTally:
    """Entries of all, of a type or of an actor."""

    kind: str
    label: str
    events: int
    last_hour: int
    last_day: int
    oldest: datetime | None
    newest: datetime | None


@dataclass(frozen=True)
class AuditSummaryTotals:
    """All entries; null without any."""

    total_events: Count
    events_last_hour: Count
    events_last24h: Count
    oldest_event: IsoMs | None
    newest_event: IsoMs | None


@dataclass(frozen=True)
class AuditSummaryType:
    """Entries of a type."""

    type: str
    count: Count


@dataclass(frozen=True)
class AuditSummaryActor:
    """Entries of who acted: admin, system or a key's mask."""

    actor: str
    count: Count


@dataclass(frozen=True)
class AuditSummaryEvent:
    """An entry; its id counts from 1 since the gateway's start."""

    id: int
    timestamp: IsoMs
    type: str
    actor: str
    message: str


@dataclass(frozen=True)
class AuditSummary:
    """The audit log by type and actor, and its newest entries."""

    summary: AuditSummaryTotals
    events_by_type: list[AuditSummaryType]
    top_actors: list[AuditSummaryActor]
    recent_events: list[AuditSummaryEvent]
    generated_at: IsoMs


@report(Family.GATEWAY)
def audit_summary(params: GatewaySpanParams, snapshot: Snapshot) -> AuditSummary:
    """Audit log summary.

    Entries of the gateway's audit log in the window: how many, by type, the 10 most frequent
    actors, and the newest 20. eventsLastHour and eventsLast24h end at as_of and include entries
    exactly that old. The gateway forgets entries after 30 days and beyond 10,000; here they stay,
    so the figures are larger than the gateway's own once it has forgotten some.
    """
    span = bounds(params.range(snapshot.as_of))
    tallies = snapshot.fetch(AuditTally, TALLIES, **span)
    (total,) = (tally for tally in tallies if tally.kind == "all")
    return AuditSummary(
        summary=AuditSummaryTotals(
            total.events, total.last_hour, total.last_day, total.oldest, total.newest
        ),
        events_by_type=[AuditSummaryType(t.label, t.events) for t in tallies if t.kind == "type"],
        top_actors=[AuditSummaryActor(t.label, t.events) for t in tallies if t.kind == "actor"],
        recent_events=snapshot.fetch(AuditSummaryEvent, NEWEST, **span),
        generated_at=snapshot.as_of,
    )
