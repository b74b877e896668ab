"""What the keys of each group do and hold."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.reports.gateway._groups import GROUPED_KEYS
from analytics.units import Count, Credits, IsoMs

GROUPS = f"""
select k.group_name as group, count(*) as key_count, sum(k.spent) as total_spent,
    sum(k.calls)::bigint as total_calls, sum(k.credits) as credits_remaining
from {GROUPED_KEYS} k
where k.is_act
group by k.group_name
order by total_spent desc, min(k.place)
"""  # noqa: S608 - composed of constants


@dataclass(frozen=True)
class ActiveGroup:
    """What the keys of a group did and hold."""

    group: str
    key_count: Count
    total_spent: Credits
    total_calls: Count
    credits_remaining: Credits


@dataclass(frozen=True)
class GroupActivitySummary:
    """All groups that have such keys, `ungrouped` among them."""

    total_groups: Count
    top_group: str | None


@dataclass(frozen=True)
class GroupActivity:
    """Groups, the one that spent most first."""

    groups: list[ActiveGroup]
    summary: GroupActivitySummary
    generated_at: IsoMs


@report(Family.GATEWAY)
def group_activity(params: GatewayParams, snapshot: Snapshot) -> GroupActivity:
    """Activity by group.

    Active keys that are not suspended, by the group in the key's record: the group's name, its id
    when the group is deleted, `ungrouped` without one, which counts as a group. How many keys,
    what they spent and called in their whole life, and the credits they hold now. Groups of equal
    name are one; groups that spent the same stand in the order of their first keys.
    """
    groups = snapshot.fetch(ActiveGroup, GROUPS)
    return GroupActivity(
        groups=groups,
        summary=GroupActivitySummary(
            total_groups=len(groups), top_group=groups[0].group if groups else None
        ),
        generated_at=snapshot.as_of,
    )
