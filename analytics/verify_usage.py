"""Whether rolled usage says what the calls say, and counting anew where it does not."""

import logging
from collections.abc import Sequence

from django.db import connection, transaction

from analytics.usage import FOLD_LOCK

log = logging.getLogger(__name__)

# What the calls say minus what deltas and totals say: by kind; by quarter hour and namespace; by
# tool and outcome.
CALLS = """
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
delete from analytics_usagelabel;
delete from analytics_usagerefusal;
delete from analytics_usagetools;
select analytics_recount_usage();
"""


# Labels are compared with the totals by kind, which are compared with the calls themselves.
LABELS = [
    (
        """
        select source_id, part::text, label, calls, allowed, rate_limited, quota_denied, credits,
            first, first_allowed
        from analytics_usagelabel
        """,
        """
        select d.source_id, l.part, l.label, sum(d.calls),
            coalesce(sum(d.calls) filter (where d.allowed), 0),
            coalesce(sum(d.calls) filter (
                where not d.allowed and strpos(d.deny_reason, 'rate_limited') > 0), 0),
            coalesce(sum(d.calls) filter (
                where not d.allowed and strpos(d.deny_reason, 'quota_exceeded') > 0), 0),
            coalesce(sum(d.credits) filter (where d.allowed), 0),
            min(d.first), min(d.first) filter (where d.allowed)
        from analytics_usagetotal d
        cross join lateral (
            values ('name', d.name), ('tool', d.tool),
                ('namespace', coalesce(nullif(d.namespace, ''), 'default')),
                ('reason', case when not d.allowed and d.deny_reason <> '' then d.deny_reason end)
        ) l (part, label)
        where l.label is not null
        group by 1, 2, 3
        """,
    ),
    (
        "select source_id, part::text, label, category::text, calls, first"
        " from analytics_usagerefusal",
        """
        select d.source_id, l.part, l.label, gateway_denial(d.deny_reason), sum(d.calls),
            min(d.first)
        from analytics_usagetotal d
        cross join lateral (values ('name', d.name), ('tool', d.tool)) l (part, label)
        where not d.allowed and d.deny_reason <> ''
        group by 1, 2, 3, 4
        """,
    ),
    (
        "select source_id, name, t.tool, first from analytics_usagetools"
        " cross join lateral unnest(tools) t (tool)",
        """
        select source_id, name, tool, min(min(first)) over (partition by source_id, name)
        from analytics_usagetotal where allowed and tool <> '' group by 1, 2, 3
        """,
    ),
]


def differences(pairs: Sequence[tuple[str, str]]) -> int:
    """Rows that one statement of a pair gives and the other does not, over all pairs.

    Under the lock of the fold, which would move what one statement reads to where another looks.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, 0)", [FOLD_LOCK])
        found = 0
        for rolled, raw in pairs:
            extra, missing = f"({rolled} except {raw})", f"({raw} except {rolled})"
            cursor.execute(f"select count(*) from ({extra} union all {missing}) d")  # noqa: S608 - composed of constants
            found += int(cursor.fetchone()[0])
        return found


def anew(statements: str) -> None:
    """Run what empties totals and counts all again, in one transaction, when no fold runs."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, 0)", [FOLD_LOCK])
        cursor.execute(statements)


def usage_mismatches() -> int:
    """Kinds, quarter hours, tools and labels whose rolled calls or credits differ."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, 0)", [FOLD_LOCK])
        cursor.execute(CALLS)
        found = int(cursor.fetchone()[0])
    return found + differences(LABELS)


def rebuild_usage() -> None:
    """Count all calls anew, in one transaction."""
    anew(REBUILD)


def verify_usage() -> int:
    """Compare rolled usage with the calls and count anew when anything differs; how many."""
    found = usage_mismatches()
    if found:
        log.error("rolled usage differs from the calls: %s; counted anew", found)
        rebuild_usage()
    return found
