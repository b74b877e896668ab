"""Keys, credits and activity at a glance."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Percent

KEYS = """
select count(*) as total,
    count(*) filter (where k.is_act) as active,
    count(*) filter (where not k.active) as revoked,
    count(*) filter (where k.active and k.suspended) as suspended
from gateway_keys(%(sources)s, %(as_of)s) k
"""

CREDITS = """
select coalesce(sum(k.allocated), 0) as total_allocated,
    coalesce(sum(k.spent), 0) as total_spent,
    coalesce(sum(k.credits), 0) as total_remaining,
    coalesce(gateway_pct(sum(k.spent), sum(k.allocated)), 0) as utilization_percent
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
"""

ACTIVITY = """
select
    (select coalesce(sum(k.calls), 0)::bigint
     from gateway_keys(%(sources)s, %(as_of)s) k
     where k.is_act
    ) as total_calls,
    (select count(*)
     from (
         select r.tool
         from gateway_log_hours(%(sources)s, %(start)s, %(end)s, 'UTC') r
         where r.allowed > 0
         group by r.tool
     ) t
    ) as unique_tools
"""


@dataclass(frozen=True)
class SystemOverviewKeys:
    """All keys by state."""

    total: Count
    active: Count
    revoked: Count
    suspended: Count


@dataclass(frozen=True)
class SystemOverviewCredits:
    """Credits of active keys that are not suspended."""

    total_allocated: Credits
    total_spent: Credits
    total_remaining: Credits
    utilization_percent: Percent


@dataclass(frozen=True)
class SystemOverviewActivity:
    """Calls of active keys that are not suspended, and the tools of all allowed calls."""

    total_calls: Count
    unique_tools: Count


@dataclass(frozen=True)
class SystemOverview:
    """The gateway at a glance."""

    keys: SystemOverviewKeys
    credits: SystemOverviewCredits
    activity: SystemOverviewActivity
    generated_at: IsoMs


@report(Family.GATEWAY)
def system_overview(params: GatewaySpanParams, snapshot: Snapshot) -> SystemOverview:
    """System overview.

    All keys by state: active ones are not suspended, a key both revoked and suspended counts as
    revoked, expired keys stay active. Credits and calls are those of active, not suspended keys
    now; allocated means left plus spent. uniqueTools counts the tools of allowed entries of the
    request log in the window. Default window: all time.
    """
    return SystemOverview(
        keys=snapshot.one(SystemOverviewKeys, KEYS),
        credits=snapshot.one(SystemOverviewCredits, CREDITS),
        activity=snapshot.one(
            SystemOverviewActivity, ACTIVITY, **bounds(params.range(snapshot.as_of))
        ),
        generated_at=snapshot.as_of,
    )
