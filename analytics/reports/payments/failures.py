"""Why payments fail."""

from dataclasses import dataclass

from analytics.params import MAX_LIMIT, DayWindowParams, Limit
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, Ratio

SQL = """
select
    v.network_id as network,
    v.stage,
    v.error_class,
    v.reason,
    v.count,
    v.count / sum(v.count) over () as share
from (
    select
        p.network_id,
        coalesce(p.failed_stage, 'unknown') as stage,
        coalesce(p.error_class, 'unknown') as error_class,
        coalesce(p.error, '') as reason,
        count(*) as count
    from billing_payment p
    where p.status = 'failed'
      and (%(start)s::timestamptz is null or p.started_at >= %(start)s)
      and p.started_at < %(end)s
      and p.network_id = any(%(networks)s)
      and (%(sources)s::bigint[] is null or p.source_id = any(%(sources)s))
    group by 1, 2, 3, 4
) v
order by v.count desc, v.network_id collate "C", v.stage collate "C",
    v.error_class collate "C", v.reason collate "C"
limit %(limit)s
"""


@dataclass(frozen=True, kw_only=True)
class FailureParams(DayWindowParams):
    """A window, and how many reasons to list."""

    limit: Limit = MAX_LIMIT


@dataclass(frozen=True)
class Failure:
    """One reason for which payments failed on one network at one stage."""

    network: str
    stage: str
    error_class: str
    reason: str
    count: Count
    share: Ratio


@report(Family.PAYMENTS)
def failures(params: FailureParams, snapshot: Snapshot) -> list[Failure]:
    """Failures by reason.

    Payments started in the window that are now failed, by network, stage (verify, settle or
    unknown), class and reason. share is the part of all failed payments of the window, 0 to 1.
    A pending settlement is not a failure. Ordered by count, most frequent first, then by network,
    stage, class and reason. Default window: 24h.
    """
    span = params.range(snapshot.as_of)
    return snapshot.fetch(Failure, SQL, **bounds(span), limit=params.limit)
