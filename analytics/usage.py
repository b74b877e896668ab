"""Rolling up metered calls: deltas, written with the calls, become totals and quarter hours.

Readers add what is not folded yet, so folding changes what a read costs and never what it says.
"""

import logging
import time

from django.db import connection, transaction

log = logging.getLogger(__name__)

FOLD_LOCK = 1885431900  # shared with analytics_rerank_usage()
FOLD_AT_ONCE = 50_000


def fold_usage(limit_seconds: float = 30.0) -> int:
    """Fold usage deltas in chunks, each in one transaction; how many deltas were taken."""
    deadline = time.monotonic() + limit_seconds
    taken = 0
    while time.monotonic() < deadline:
        count = _fold_some()
        if not count:
            break
        taken += count
    return taken


def _fold_some() -> int:
    """Nothing when another worker is folding: it will take what is there."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s, 0)", [FOLD_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute("select analytics_fold_usage(%s)", [FOLD_AT_ONCE])
        return int(cursor.fetchone()[0])


# What the calls say minus what deltas and totals say: by kind; by quarter hour and namespace; by
# tool and outcome.
VERIFY = """
select count(*) from (
    select 1
    from (
        select source_id, analytics_usage_digest(key_prefix::text, case when key_name = ''
                then key_prefix::text else key_name end, tool, namespace, allowed, deny_reason)
                as digest, 1 as calls, credits, rank as first
        from billing_usageevent
        union all
        select source_id, analytics_usage_digest(key_prefix, name, tool, namespace, allowed,
            deny_reason), -calls, -credits, null
        from analytics_usagedelta
        union all
        select source_id, digest, -calls, -credits, null from analytics_usagetotal
    ) kinds
    group by source_id, digest
    having sum(calls) <> 0 or sum(credits) <> 0
    union all
    select 1
    from (
        select source_id, date_bin('15 minutes', at, '1970-01-01 00:00:00+00') as bucket,
            namespace, 1 as calls, case when allowed then credits else 0 end as credits
        from billing_usageevent
        union all
        select source_id, bucket, namespace, -calls, case when allowed then -credits else 0 end
        from analytics_usagedelta
        union all
        select source_id, bucket, namespace, -calls, -credits from analytics_usagequarter
    ) quarters
    group by source_id, bucket, namespace
    having sum(calls) <> 0 or sum(credits) <> 0
    union all
    select 1
    from (
        select source_id, tool, analytics_outcome(allowed, deny_reason) as outcome, 1 as calls,
            credits
        from billing_usageevent
        union all
        select source_id, tool, outcome, -calls, -credits from analytics_tool_live
    ) tools
    group by source_id, tool, outcome
    having sum(calls) <> 0 or sum(credits) <> 0
) differences
"""

# Writers wait meanwhile: deltas that they would add are among what is counted anew.
REBUILD = """
lock table billing_usageevent in share mode;
delete from analytics_usagedelta;
delete from analytics_usagetotal;
delete from analytics_usagequarter;
delete from analytics_usagetool;
select analytics_recount_usage();
"""


def usage_mismatches() -> int:
    """Kinds, quarter hours and tools whose rolled calls or credits differ from the calls."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, 0)", [FOLD_LOCK])
        cursor.execute(VERIFY)
        return int(cursor.fetchone()[0])


def rebuild_usage() -> None:
    """Count all calls anew, in one transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, 0)", [FOLD_LOCK])
        cursor.execute(REBUILD)


def verify_usage() -> int:
    """Compare rolled usage with the calls and count anew when anything differs; how many."""
    found = usage_mismatches()
    if found:
        log.error("rolled usage differs from the calls: %s; counted anew", found)
        rebuild_usage()
    return found
