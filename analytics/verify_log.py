"""Whether rolled request logs say what the entries say, and counting anew where they do not."""

import logging

from analytics.verify_usage import anew, differences

log = logging.getLogger(__name__)


def _slots(unit: str) -> tuple[str, str]:
    rolled = f"select * from gateway_log_slots(null, null, 'infinity', 'UTC', '{unit}')"  # noqa: S608 - composed of constants
    raw = f"""
        select slot, count(*), count(*) filter (where called)
        from (
            select date_trunc('{unit}', at, 'UTC') as slot, source_id, mask,
                bool_or(allowed) as called
            from gateway_requests(null, null, 'infinity') group by 1, 2, 3
        ) s
        group by 1
    """  # noqa: S608 - composed of constants
    return rolled, raw


# Of each pair the first reads totals and pending entries, the second the entries themselves.
PAIRS = [
    (
        """
        select source_id, mask, tool, allowed, deny_reason, sum(calls), sum(credits),
            sum(duration), min(seen), min(first_at), max(last_at)
        from gateway_log_kinds(null, null, 'infinity') group by 1, 2, 3, 4, 5
        """,
        """
        select source_id, mask, tool, allowed, case when not allowed then deny_reason end,
            count(*), sum(credits), sum(duration_ms), min(seen), min(at), max(at)
        from gateway_requests(null, null, 'infinity') group by 1, 2, 3, 4, 5
        """,
    ),
    (
        """
        select source_id, mask, sum(allowed), sum(duration), min(shortest), max(longest),
            min(seen), max(last_at)
        from gateway_log_consumers(null, null, 'infinity') group by 1, 2
        """,
        """
        select source_id, mask, count(*) filter (where allowed),
            coalesce(sum(duration_ms) filter (where allowed), 0),
            min(duration_ms) filter (where allowed), max(duration_ms) filter (where allowed),
            min(seen) filter (where allowed), max(at)
        from gateway_requests(null, null, 'infinity') group by 1, 2
        """,
    ),
    (
        "select source_id, mask, tools, seen from"
        " gateway_log_consumer_tools(null, null, 'infinity')",
        """
        select source_id, mask, array_agg(distinct tool), min(seen)
        from gateway_requests(null, null, 'infinity') where allowed group by 1, 2
        """,
    ),
    (
        """
        select tool, duration_ms, sum(calls), min(seen)
        from gateway_log_durations(null, null, 'infinity') group by 1, 2
        """,
        """
        select tool, duration_ms, count(*), min(seen)
        from gateway_requests(null, null, 'infinity') where allowed group by 1, 2
        """,
    ),
    (
        """
        select hour, tool, sum(requests), sum(allowed), sum(credits), sum(duration), min(seen)
        from gateway_log_hours(null, null, 'infinity', 'UTC') group by 1, 2
        """,
        """
        select date_trunc('hour', at, 'UTC'), tool, count(*), count(*) filter (where allowed),
            coalesce(sum(credits) filter (where allowed), 0), sum(duration_ms),
            min(seen) filter (where allowed)
        from gateway_requests(null, null, 'infinity') group by 1, 2
        """,
    ),
    *(_slots(unit) for unit in ("hour", "day")),
    (
        "select slot, consumers from"
        " gateway_log_slots(null, null, 'infinity', 'UTC', 'hour of day')",
        """
        select to_timestamp(date_part('hour', at at time zone 'UTC') * 3600),
            count(distinct (source_id, mask))
        from gateway_requests(null, null, 'infinity') group by 1
        """,
    ),
]

REBUILD = """
lock table billing_requestlog in share mode;
delete from analytics_logpending;
delete from analytics_logtotal;
delete from analytics_logconsumer;
delete from analytics_logduration;
delete from analytics_loghour;
delete from analytics_logslot;
select analytics_recount_log();
"""


def log_mismatches() -> int:
    """Rows in which rolled request logs differ from the entries."""
    return differences(PAIRS)


def verify_log() -> int:
    """Compare rolled request logs with the entries and count anew when anything differs."""
    found = log_mismatches()
    if found:
        log.error("rolled request logs differ from the entries: %s; counted anew", found)
        anew(REBUILD)
    return found
