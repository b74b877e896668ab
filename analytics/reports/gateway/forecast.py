"""How many calls the credits of each key still pay."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Number

ESTIMATES = """
with estimates as (
    select k.place, k.name, k.credits, k.spent, k.calls,
        k.spent::float8 / nullif(greatest(k.calls, 0), 0) as average,
        case when k.calls > 0 and k.spent > 0
             then floor(k.credits::float8 / (k.spent::float8 / k.calls))::numeric end as remaining
    from gateway_keys(%(sources)s, %(as_of)s) k
    where k.is_live
)
"""

KEYS = f"""{ESTIMATES}
select e.name as key_name, e.credits as credits_remaining, e.spent as total_spent,
    e.calls as call_count, coalesce(gateway_round(e.average, 2), 0) as avg_credits_per_call,
    e.remaining as estimated_calls_remaining, coalesce(e.remaining <= 5, false) as at_risk
from estimates e
order by e.place
"""  # noqa: S608 - composed of constants

TOTALS = f"""{ESTIMATES}
select count(*) as keys, count(*) filter (where e.remaining <= 5) as at_risk,
    coalesce(sum(e.credits), 0) as credits, coalesce(sum(e.spent), 0) as spent,
    coalesce(sum(e.calls), 0)::bigint as calls
from estimates e
"""  # noqa: S608 - composed of constants

TOOLS = """
select coalesce(nullif(s.label, ''), 'unknown') as tool, sum(s.allowed)::bigint as calls,
    sum(s.credits) as total_credits,
    gateway_round(sum(s.credits)::float8 / sum(s.allowed)::float8, 2) as avg_credits_per_call
from gateway_sums(%(sources)s, %(start)s, %(end)s, null) s
where s.part = 'tool' and s.allowed > 0
group by 1
order by sum(s.credits) desc, min(s.first_allowed)
"""


@dataclass(frozen=True)
class ForecastTotals:
    """All active keys."""

    keys: Count
    at_risk: Count
    credits: Credits
    spent: Credits
    calls: Count


@dataclass(frozen=True)
class ForecastSummary:
    """Active keys, and those with five calls or fewer left."""

    total_active_keys: Count
    keys_at_risk: Count


@dataclass(frozen=True)
class ForecastKey:
    """An active key; the estimate is null for keys that have spent nothing."""

    key_name: str
    credits_remaining: Credits
    total_spent: Credits
    call_count: Count
    avg_credits_per_call: Number
    estimated_calls_remaining: Number | None
    at_risk: bool


@dataclass(frozen=True)
class ForecastTool:
    """Allowed calls of a tool."""

    tool: str
    calls: Count
    total_credits: Credits
    avg_credits_per_call: Number


@dataclass(frozen=True)
class ForecastSystem:
    """All active keys; tools by credits, the most first."""

    total_credits_remaining: Credits
    total_credits_spent: Credits
    total_calls: Count
    by_tool: list[ForecastTool]


@dataclass(frozen=True)
class Forecast:
    """Active keys in the gateway's order."""

    summary: ForecastSummary
    key_forecasts: list[ForecastKey]
    system_forecast: ForecastSystem
    generated_at: IsoMs


@report(Family.GATEWAY)
def forecast(params: GatewaySpanParams, snapshot: Snapshot) -> Forecast:
    """Forecast.

    For every key that is active now, suspended and expired ones too: the calls its credits still
    pay at its own average of credits per call, rounded down; at risk with five or fewer. Keys that
    have spent nothing have no estimate and are never at risk, even with no credits.
    systemForecast adds these keys up; its byTool are the allowed metered calls of the range, by
    anybody, refunds included as calls, so it need not agree with totalCalls.
    """
    totals = snapshot.one(ForecastTotals, TOTALS)
    tools = snapshot.fetch(ForecastTool, TOOLS, **bounds(params.range(snapshot.as_of)))
    return Forecast(
        summary=ForecastSummary(totals.keys, totals.at_risk),
        key_forecasts=snapshot.fetch(ForecastKey, KEYS),
        system_forecast=ForecastSystem(totals.credits, totals.spent, totals.calls, tools),
        generated_at=snapshot.as_of,
    )
