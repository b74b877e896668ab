"""What the keys of each group spent."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.reports.gateway._groups import GROUPED_KEYS
from analytics.units import Count, Credits, IsoMs, Percent

GROUPS = f"""
select k.group_name as group, sum(k.spent) as total_spent, sum(k.calls)::bigint as total_calls,
    count(*) as key_count, gateway_pct(sum(k.spent), sum(sum(k.spent)) over ()) as percentage
from {GROUPED_KEYS} k
where k.is_act
group by k.group_name
order by total_spent desc, min(k.place)
"""  # noqa: S608 - composed of constants
REVENUE = """
select coalesce(sum(k.spent), 0) as credits
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
"""


@dataclass(frozen=True)
class GroupShare:
    """What the keys of a group spent."""

    group: str
    total_spent: Credits
    total_calls: Count
    key_count: Count
    percentage: Percent


@dataclass(frozen=True)
class GroupRevenueTotal:
    """What all of them spent."""

    credits: Credits


@dataclass(frozen=True)
class GroupRevenueSummary:
    """All groups that have such keys, `ungrouped` among them."""

    total_groups: Count
    total_revenue: Credits
    top_group: str | None


@dataclass(frozen=True)
class GroupRevenue:
    """Groups, the one that spent most first."""

    groups: list[GroupShare]
    summary: GroupRevenueSummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def group_revenue(params: GatewayParams, snapshot: Snapshot) -> GroupRevenue:
    """Revenue by group.

    Credits spent and calls made in their whole life by active keys that are not suspended, by
    the group in the key's record: the group's name, its id when the group is deleted, `ungrouped`
    without one, which counts as a group. Groups of equal name are one. percentage is the rounded
    share of all credits spent. group-performance goes by the gateway's assignments instead, which
    differ for keys made by rotation, cloning or import.
    """
    groups = snapshot.fetch(GroupShare, GROUPS)
    return GroupRevenue(
        groups=groups,
        summary=GroupRevenueSummary(
            total_groups=len(groups),
            total_revenue=snapshot.one(GroupRevenueTotal, REVENUE).credits,
            top_group=groups[0].group if groups else None,
        ),
        generated_at=snapshot.as_of,
    )
