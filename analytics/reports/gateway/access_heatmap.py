"""Who called what in which hour."""

from dataclasses import dataclass
from typing import Annotated

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import OMITTED, Count, IsoMs

# JSON keeps the order in which members are added; like JavaScript, numbers come first.
HOURS = """
select gateway_local(h.slot, %(zone)s, '.000') as hour,
    h.total,
    h.consumers as unique_consumers,
    h.tools,
    sum(h.total) over ()::bigint as all_calls,
    rank() over (order by h.total desc, h.slot) as place
from (
    select g.slot, sum(g.calls)::bigint as total, s.callers as consumers,
        json_object_agg(
            g.tool, g.calls order by gateway_member(g.tool) nulls last, g.seen, g.tool collate "C"
        ) as tools
    from (
        select r.hour as slot, r.tool, sum(r.allowed)::bigint as calls, min(r.seen) as seen
        from gateway_log_hours(%(sources)s, %(start)s, %(end)s, %(zone)s) r
        where r.allowed > 0
        group by r.hour, r.tool
    ) g
    join gateway_log_slots(%(sources)s, %(start)s, %(end)s, %(zone)s, 'hour') s
        on s.slot = g.slot
    group by g.slot, s.callers
) h
order by h.slot
"""


@dataclass(frozen=True)
class AccessHeatmapHour:
    """The allowed calls of an hour."""

    hour: str
    total: Count
    unique_consumers: Count
    tools: dict[str, Count]


@dataclass(frozen=True)
class AccessHeatmapRow(AccessHeatmapHour):
    """An hour beside the calls of all hours; place 1 has the most."""

    all_calls: Count
    place: Count


@dataclass(frozen=True)
class AccessHeatmapPeak:
    """The hour with the most calls."""

    hour: str
    total: Count


@dataclass(frozen=True)
class AccessHeatmapSummary:
    """All hours with calls."""

    total_requests: Count
    total_hours: Count
    peak_hour: Annotated[AccessHeatmapPeak | None, OMITTED] = None


@dataclass(frozen=True)
class AccessHeatmap:
    """Hours with calls, earliest first."""

    hourly: list[AccessHeatmapHour]
    summary: AccessHeatmapSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def access_heatmap(params: GatewaySpanParams, snapshot: Snapshot) -> AccessHeatmap:
    """Access heatmap.

    Allowed entries of the request log by the hour in which they were completed, earliest first;
    hours without calls are left out. uniqueConsumers counts masked keys. tools has the calls of
    each tool in order of first appearance, names that are numbers before all others. peakHour
    is the first of the busiest hours, absent without calls. Hours are those of `tz`. Default
    window: all time.
    """
    rows = snapshot.fetch(AccessHeatmapRow, HOURS, **bounds(params.range(snapshot.as_of)))
    peak = next((row for row in rows if row.place == 1), None)
    return AccessHeatmap(
        hourly=[*rows],
        summary=AccessHeatmapSummary(
            total_requests=peak.all_calls if peak else 0,
            total_hours=len(rows),
            peak_hour=AccessHeatmapPeak(peak.hour, peak.total) if peak else None,
        ),
        generated_at=snapshot.as_of,
    )
