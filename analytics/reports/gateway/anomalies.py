"""Keys that are denied often, spend fast or run low."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.reports.gateway._free_json import free_object
from analytics.serializers import JsonObject
from analytics.units import Count, IsoMs

DENIED = """
select 'high_denial_rate' as type, 'warning' as severity, c.name as key_name,
    format('Key "%%s" has %%s%%%% denial rate (%%s/%%s calls denied)', c.name,
        gateway_pct(c.denied, c.total), c.denied, c.total) as description,
    json_build_object('allowed', c.total - c.denied, 'denied', c.denied, 'total', c.total,
        'denialRate', gateway_round(c.denied::float8 / c.total, 4))::text as details
from (
    select label as name, calls as total, denied, first
    from gateway_sums(%(sources)s, %(start)s, %(end)s, null)
    where part = 'name'
) c
where c.total >= 3 and c.denied * 2 > c.total
order by c.first
"""

SPENT = """
with k as (
    select place, name, trim_scale(credits) as credits, trim_scale(spent) as spent,
        trim_scale(allocated) as allocated, spent::float8 / allocated::float8 as used,
        credits::float8 / allocated::float8 as remaining
    from gateway_keys(%(sources)s, %(as_of)s)
    where is_live and allocated > 0 and spent > 0
), found as (
    select 1 as n, place, 'rapid_credit_depletion' as type, 'warning' as severity, name,
        format('Key "%%s" has used %%s%%%% of allocated credits (%%s/%%s)', name,
            gateway_round(used * 100), spent, allocated) as description,
        json_build_object('totalAllocated', allocated, 'totalSpent', spent,
            'remaining', credits, 'utilization', gateway_round(used, 4)) as details
    from k where used >= 0.75
    union all
    select 2, place, 'low_credits', 'info', name,
        format('Key "%%s" has only %%s credits remaining (%%s%%%% of allocated)', name, credits,
            gateway_round(remaining * 100)),
        json_build_object('remaining', credits, 'totalAllocated', allocated,
            'remainingPct', gateway_round(remaining, 4))
    from k where credits <= 10 or remaining <= 0.1
)
select type, severity, name as key_name, description, details::text
from found
order by n, place
"""


@dataclass(frozen=True)
class AnomalyRow:
    """What is unusual about a key; its figures as JSON text."""

    type: str
    severity: str
    key_name: str
    description: str
    details: str


@dataclass(frozen=True)
class Anomaly:
    """What is unusual about a key, with its figures."""

    type: str
    severity: str
    key_name: str
    description: str
    details: JsonObject


@dataclass(frozen=True)
class AnomaliesSummary:
    """How many there are, of each type that occurs."""

    total_anomalies: Count
    by_type: dict[str, Count]


@dataclass(frozen=True)
class Anomalies:
    """Denials by the first call of a name, then depletion and low credits by key."""

    summary: AnomaliesSummary
    anomalies: list[Anomaly]
    analyzed_at: IsoMs


@report(Family.GATEWAY)
def anomalies(params: GatewaySpanParams, snapshot: Snapshot) -> Anomalies:
    """Anomalies.

    high_denial_rate: a name with at least 3 metered calls of which more than half were denied;
    keys of one name count as one, and calls without a valid key as "unknown" or "none".
    rapid_credit_depletion: a key that is not revoked and has spent at least 75 % of what it was
    given. low_credits: such a key that has spent something and has at most 10 credits or 10 % of
    them left; it may be in both lists. The window limits the calls, not the keys, whose figures
    are of their whole life. Rates are rounded to four decimals.
    """
    span = bounds(params.range(snapshot.as_of))
    rows = snapshot.fetch(AnomalyRow, DENIED, **span) + snapshot.fetch(AnomalyRow, SPENT)
    by_type: dict[str, int] = {}
    for row in rows:
        by_type[row.type] = by_type.get(row.type, 0) + 1
    return Anomalies(
        summary=AnomaliesSummary(len(rows), by_type),
        anomalies=[
            Anomaly(r.type, r.severity, r.key_name, r.description, free_object(r.details))
            for r in rows
        ],
        analyzed_at=snapshot.as_of,
    )
