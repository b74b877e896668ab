"""A gateway at a glance: keys, credits, calls, what needs attention."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Credits, IsoMs, Number

KEYS = """
select count(*) as total,
    count(*) filter (where active and not is_expired and not suspended) as active,
    count(*) filter (where active and not is_expired and suspended) as suspended,
    count(*) filter (where not active) as revoked,
    count(*) filter (where active and is_expired) as expired,
    coalesce(sum(allocated), 0) as total_allocated,
    coalesce(sum(spent), 0) as total_spent,
    coalesce(sum(credits), 0) as total_remaining,
    count(*) filter (where active and expires_at <= %(as_of)s + interval '24 hours')
        + count(*) filter (where active and credits <= 0) as critical,
    count(*) filter (where active and expires_at > %(as_of)s + interval '24 hours'
        and expires_at <= %(as_of)s + interval '168 hours') as warning,
    count(*) filter (where active and suspended) as info
from gateway_keys(%(sources)s, %(as_of)s)
"""

CALLS = """
with sums as not materialized (
    select s.part as kind, s.label, s.calls, s.credits, s.denied, s.first,
        case s.part when 'name' then s.credits else s.calls end as weight,
        gateway_member(s.label) as member
    from gateway_sums(%(sources)s, %(start)s, %(end)s, null) s
    where s.part = 'all' or not gateway_is_inherited(s.label)
)
select t.kind, t.label, t.calls, t.credits, t.denied
from (
    select * from sums where kind in ('all', 'reason')
    union all
    (select * from sums where kind = 'tool' order by weight desc, member nulls last, first limit 10)
    union all
    (select * from sums where kind = 'name' order by weight desc, member nulls last, first limit 10)
) t
order by t.kind, t.weight desc, t.member nulls last, t.first
"""

UPTIME = """
select u.started_at, floor(u.seconds) as uptime_seconds,
    gateway_round((u.seconds * 1000)::float8 / 3600000, 1) as uptime_hours
from (
    select g.started_at,
        coalesce(greatest(extract(epoch from %(as_of)s - g.started_at), 0), 0) as seconds
    from (select gateway_started(%(sources)s, %(as_of)s) as started_at) g
) u
"""


@dataclass(frozen=True)
class DashboardKeyRow:
    """Counts and sums over all keys."""

    total: int
    active: int
    suspended: int
    revoked: int
    expired: int
    total_allocated: Credits
    total_spent: Credits
    total_remaining: Credits
    critical: int
    warning: int
    info: int


@dataclass(frozen=True)
class DashboardCallRow:
    """Calls of all, of a tool, of a name, or denied for a reason."""

    kind: str
    label: str | None
    calls: int
    credits: Credits
    denied: int


@dataclass(frozen=True)
class DashboardKeys:
    """Every key once: revoked, else expired, else suspended, else active."""

    total: Count
    active: Count
    suspended: Count
    revoked: Count
    expired: Count


@dataclass(frozen=True)
class DashboardCredits:
    """Of all keys."""

    total_allocated: Credits
    total_spent: Credits
    total_remaining: Credits


@dataclass(frozen=True)
class DashboardDenyReason:
    """A reason as the gateway gave it."""

    reason: str
    count: Count


@dataclass(frozen=True)
class DashboardUsage:
    """Metered calls."""

    total_calls: Count
    total_allowed: Count
    total_denied: Count
    total_credits_spent: Credits
    deny_reasons: list[DashboardDenyReason]


@dataclass(frozen=True)
class DashboardConsumer:
    """A name and its calls; credits of allowed ones."""

    name: str
    calls: Count
    credits: Credits
    denied: Count


@dataclass(frozen=True)
class DashboardTool:
    """A tool and its calls; credits of allowed ones."""

    tool: str
    calls: Count
    credits: Credits
    denied: Count


@dataclass(frozen=True)
class DashboardNotifications:
    """What needs attention, by severity."""

    critical: Count
    warning: Count
    info: Count


@dataclass(frozen=True)
class DashboardUptime:
    """Since the gateway's start; null and 0 when the start is not known."""

    started_at: IsoMs | None
    uptime_seconds: Number
    uptime_hours: Number


@dataclass(frozen=True)
class GatewayDashboard:
    """A gateway at a glance."""

    keys: DashboardKeys
    credits: DashboardCredits
    usage: DashboardUsage
    top_consumers: list[DashboardConsumer]
    top_tools: list[DashboardTool]
    notifications: DashboardNotifications
    uptime: DashboardUptime


@report(Family.GATEWAY)
def dashboard(params: GatewaySpanParams, snapshot: Snapshot) -> GatewayDashboard:
    """Gateway dashboard.

    Every key counts once: revoked, else expired, else suspended, else active; credits are those
    of all keys, revoked ones too. Metered calls of the window: denyReasons in the gateway's own
    words; topConsumers are 10 names by credits, topTools 10 by calls. A refund is an allowed
    call with negative credits. Names that are whole numbers lead among equals, and __proto__,
    constructor and the like, which the gateway loses, are in the totals only. notifications
    count, over keys that are not revoked, expiry within 24 hours or past and credits of 0
    (critical, a key may count twice), expiry within 168 hours (warning) and suspension (info);
    the report notifications knows more. uptime is since the earliest start that is known.
    """
    rows = snapshot.fetch(DashboardCallRow, CALLS, **bounds(params.range(snapshot.as_of)))
    keys = snapshot.one(DashboardKeyRow, KEYS)
    return GatewayDashboard(
        keys=DashboardKeys(keys.total, keys.active, keys.suspended, keys.revoked, keys.expired),
        credits=DashboardCredits(keys.total_allocated, keys.total_spent, keys.total_remaining),
        usage=_usage(rows),
        top_consumers=[
            DashboardConsumer(r.label or "", r.calls, r.credits, r.denied)
            for r in rows
            if r.kind == "name"
        ],
        top_tools=[
            DashboardTool(r.label or "", r.calls, r.credits, r.denied)
            for r in rows
            if r.kind == "tool"
        ],
        notifications=DashboardNotifications(keys.critical, keys.warning, keys.info),
        uptime=snapshot.one(DashboardUptime, UPTIME),
    )


def _usage(rows: list[DashboardCallRow]) -> DashboardUsage:
    (total,) = (row for row in rows if row.kind == "all")
    return DashboardUsage(
        total_calls=total.calls,
        total_allowed=total.calls - total.denied,
        total_denied=total.denied,
        total_credits_spent=total.credits,
        deny_reasons=[
            DashboardDenyReason(r.label or "", r.calls) for r in rows if r.kind == "reason"
        ],
    )
