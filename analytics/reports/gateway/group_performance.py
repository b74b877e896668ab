"""How each group of keys does, and its policy."""

from dataclasses import dataclass

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.reports.gateway._assignments import ASSIGNMENTS
from analytics.units import Count, Credits, IsoMs, Percent

GROUPS = f"""
select g.group_id, g.name as group_name, g.description, count(k.id) as key_count,
    coalesce(sum(k.allocated), 0) as total_allocated, coalesce(sum(k.spent), 0) as total_spent,
    coalesce(sum(k.credits), 0) as total_remaining,
    coalesce(sum(k.calls), 0)::bigint as total_calls,
    coalesce(gateway_pct(sum(k.spent), sum(k.allocated)), 0) as utilization_pct,
    g.allowed_tools, g.denied_tools, g.rate_limit_per_min
from billing_keygroup g
left join ({ASSIGNMENTS}) k on k.source_id = g.source_id and k.group_id = g.group_id
where g.is_active and (%(sources)s::bigint[] is null or g.source_id = any(%(sources)s))
group by g.id
order by total_spent desc, g.source_id, g.position, g.id
"""  # noqa: S608 - composed of constants
UNGROUPED = f"""
select count(*) as keys
from ({ASSIGNMENTS}) k
left join billing_keygroup g
    on g.source_id = k.source_id and g.group_id = k.group_id and g.is_active
where g.id is null
"""  # noqa: S608 - composed of constants


@dataclass(frozen=True)
class GroupFigures:
    """A group as read."""

    group_id: str
    group_name: str
    description: str
    key_count: Count
    total_allocated: Credits
    total_spent: Credits
    total_remaining: Credits
    total_calls: Count
    utilization_pct: Percent
    allowed_tools: list[str]
    denied_tools: list[str]
    rate_limit_per_min: Count


@dataclass(frozen=True)
class GroupPolicy:
    """What the group's keys may do; a limit of 0 is none."""

    allowed_tools: list[str]
    denied_tools: list[str]
    rate_limit_per_min: Count


@dataclass(frozen=True)
class GroupResult:
    """A group's keys together."""

    group_id: str
    group_name: str
    description: str
    key_count: Count
    total_allocated: Credits
    total_spent: Credits
    total_remaining: Credits
    total_calls: Count
    utilization_pct: Percent
    policy: GroupPolicy


@dataclass(frozen=True)
class UngroupedKeys:
    """Keys of no group."""

    keys: Count


@dataclass(frozen=True)
class GroupPerformanceSummary:
    """All groups, and the keys outside."""

    total_groups: Count
    ungrouped_keys: Count


@dataclass(frozen=True)
class GroupPerformance:
    """Groups, the one that spent most first."""

    summary: GroupPerformanceSummary
    groups: list[GroupResult]
    generated_at: IsoMs


@report(Family.GATEWAY)
def group_performance(params: GatewayParams, snapshot: Snapshot) -> GroupPerformance:
    """Group performance.

    Every active group, without keys too, with its keys that are not revoked (suspended ones
    count) and its policy. utilizationPct is the rounded share of allocated credits (held now plus
    spent) that is spent. A key belongs to the group it was last assigned to by the audit log;
    where the log begins after the key's creation and says nothing of it, to the group in its
    record, unless it was made by rotation or cloning: the gateway copies the record, not the
    assignment. group-revenue and group-activity go by the record alone.
    """
    groups = [_result(row) for row in snapshot.fetch(GroupFigures, GROUPS)]
    return GroupPerformance(
        summary=GroupPerformanceSummary(
            total_groups=len(groups),
            ungrouped_keys=snapshot.one(UngroupedKeys, UNGROUPED).keys,
        ),
        groups=groups,
        generated_at=snapshot.as_of,
    )


def _result(row: GroupFigures) -> GroupResult:
    return GroupResult(
        group_id=row.group_id,
        group_name=row.group_name,
        description=row.description,
        key_count=row.key_count,
        total_allocated=row.total_allocated,
        total_spent=row.total_spent,
        total_remaining=row.total_remaining,
        total_calls=row.total_calls,
        utilization_pct=row.utilization_pct,
        policy=GroupPolicy(row.allowed_tools, row.denied_tools, row.rate_limit_per_min),
    )
