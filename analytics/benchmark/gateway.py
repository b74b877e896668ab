"""A large gateway, made in SQL: every analysis is timed on it."""

import resource
import time
from collections.abc import Iterator

from django.db import connection

from analytics.benchmark.results import Measurement
from analytics.registry import Family, Report, all_reports
from billing.models import Source

CHUNK = 100_000
WANTED_SECONDS = 1.0

KEYS = """
insert into billing_apikey (
    source_id, is_issued_here, prefix, mask, digest, pepper_version, name, alias, credits,
    total_spent, total_calls, created_at, last_used_at, active, suspended, spending_limit,
    allowed_tools, denied_tools, ip_allowlist, allowed_countries, denied_countries, expires_text,
    quota_daily_calls, quota_monthly_calls, quota_daily_credits, quota_monthly_credits, quota_day,
    quota_month, tags, namespace, group_id, position, is_ambiguous)
select %(source)s, false, 'pg_' || left(k.hash, 7), 'pg_' || left(k.hash, 4) || '...'
        || right(k.hash, 4), k.hash, 1, 'consumer-' || n, '', floor(random() * 5000),
    floor(power(random(), 3) * 2000), floor(power(random(), 3) * 500),
    now() - random() * interval '200 days', now() - random() * interval '30 days',
    random() > 0.05, random() < 0.02, 0, '{}', '{}', '{}', '{}', '{}', '',
    0, 0, 0, 0, '', '', '{}', 'team-' || n %% 40, '', n, false
from (select n, md5(n::text) || md5(n::text || 'x') as hash
      from generate_series(1, %(keys)s) n) k
"""

# Skewed consumers, up to four tools each, one call in 25 denied, spread over 90 days in
# the order of time.
CALLS = """
insert into billing_usageevent (
    source_id, at, rank, key_prefix, key_name, tool, credits, allowed, deny_reason, namespace,
    content_hash, ordinal)
select %(source)s, c.at, (extract(epoch from c.at) * 1000)::bigint * 1048576,
    'pg_' || left(md5(c.key::text), 7), 'consumer-' || c.key, 'tool-' || c.tool,
    case when c.allowed then 1 + c.tool %% 10 else 0 end, c.allowed,
    case when not c.allowed then
        (array['insufficient_credits', 'rate_limited: 30 calls/min exceeded', 'key_suspended',
               'tool_not_allowed: x'])[1 + c.key %% 4] end,
    'team-' || c.key %% 40, sha256(c.n::text::bytea), 1
from (
    select d.*, (d.key * 7 + floor(power(d.t, 2) * 4)::int) %% 30 as tool from (
    select n, 1 + floor(power(random(), 2) * %(keys)s)::int as key,
        random() as t, random() > 0.04 as allowed,
        now() - interval '90 days' * (%(wanted)s - n) / %(wanted)s - interval '1 minute' as at
    from generate_series(%(first)s::int, %(last)s::int) n
    ) d
) c
"""

LOG = """
insert into billing_requestlog (
    source_id, at, log_id, tool, key_mask, allowed, credits, duration_ms, deny_reason,
    request_id, content_hash)
select u.source_id, u.at + interval '80 milliseconds', u.id, u.tool,
    u.key_prefix || '...' || right(md5(u.key_name), 4), u.allowed, u.credits,
    (u.id * 7919) %% 1500, u.deny_reason, 'r' || u.id, u.content_hash
from billing_usageevent u
order by u.id desc
limit %(entries)s
"""

AUDIT = """
insert into billing_gatewayauditevent
    (source_id, at, audit_id, type, actor, message, metadata, content_hash)
select %(source)s, now() - n * interval '1 minute', 10001 - n,
    (array['key.created', 'key.topup', 'gate.deny', 'session.created'])[1 + n %% 4], 'admin',
    'entry ' || n, '{}', sha256(('audit' || n)::bytea)
from generate_series(1, 10000) n
"""


def seed_gateway(keys: int, calls: int, entries: int) -> str:
    """A gateway with so many keys, calls and log entries; its slug."""
    source = Source.objects.create(slug="benchmark-gateway", kind="paygate")
    with connection.cursor() as cursor:
        cursor.execute("select setseed(0.5)")
        cursor.execute(KEYS, {"source": source.pk, "keys": keys})
        for first in range(1, calls + 1, CHUNK):
            last = min(first + CHUNK - 1, calls)
            values = {"source": source.pk, "keys": keys, "first": first, "last": last}
            cursor.execute(CALLS, values | {"wanted": calls})
        cursor.execute(LOG, {"entries": entries})
        cursor.execute(AUDIT, {"source": source.pk})
    _fold()
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
    return source.slug


def _fold() -> None:
    """As workers would, in larger portions."""
    with connection.cursor() as cursor:
        taken = True
        while taken:
            cursor.execute("select analytics_fold_usage(1000000) + analytics_fold_log(200000)")
            taken = bool(cursor.fetchone()[0])


def measure_gateway(keys: int, calls: int, entries: int) -> Iterator[Measurement]:
    """Every gateway report at its default window: the slower of two runs after a first."""
    slug = seed_gateway(keys, calls, entries)
    for report in all_reports():
        if report.family is Family.GATEWAY:
            seconds = _seconds(report, slug)
            yield Measurement(
                name=report.slug,
                rows=calls,
                peer="a second",
                peer_seconds=WANTED_SECONDS,
                our_seconds=seconds,
                ratio=seconds,
                reading=f"(wanted: below 1); {_megabytes()} MB of memory at most so far",
            )


def _seconds(report: Report, source: str) -> float:
    report.answer({"source": source})
    slowest = 0.0
    for _ in range(2):
        began = time.perf_counter()
        report.answer({"source": source})
        slowest = max(slowest, time.perf_counter() - began)
    return slowest


def _megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
