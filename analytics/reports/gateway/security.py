"""Which keys lack restrictions."""

from dataclasses import dataclass
from typing import Literal

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.units import Count, Number

ANY_LIMIT = (
    "$.dailyCallLimit > 0 || $.monthlyCallLimit > 0"
    " || $.dailyCreditLimit > 0 || $.monthlyCreditLimit > 0"
)
WEAKNESSES = """
select k.name, k.place,
    cardinality(a.ip_allowlist) = 0 as is_open_to_all_ips,
    not (coalesce(a.quota @@ %(any_limit)s::jsonpath, false)
         or coalesce(c.quota @@ %(any_limit)s::jsonpath, false)) as has_no_quota,
    cardinality(a.allowed_tools) = 0 as has_all_tools,
    a.spending_limit = 0 as has_no_spending_limit,
    k.expires_text is null as never_expires,
    k.credits >= 10000 as is_rich
from gateway_keys(%(sources)s, %(as_of)s) k
join billing_apikey a on a.id = k.id
left join billing_gatewayconfig c on c.source_id = k.source_id
where k.is_live
"""
FINDINGS = f"""
select f.type, f.severity, f.keys, f.description
from (
    select array_agg(w.name order by w.place) filter (where w.is_open_to_all_ips) as open,
        array_agg(w.name order by w.place) filter (where w.has_no_quota) as unmetered,
        array_agg(w.name order by w.place) filter (where w.has_all_tools) as unrestricted,
        array_agg(w.name order by w.place) filter (where w.has_no_spending_limit) as unlimited,
        array_agg(w.name order by w.place) filter (where w.never_expires) as eternal,
        array_agg(w.name order by w.place) filter (where w.is_rich) as rich
    from ({WEAKNESSES}) w
) k
cross join lateral (values
    (1, 'no_ip_allowlist', 'warning', k.open,
        'Keys without IP allowlists can be used from any IP address'),
    (2, 'no_quota', 'info', k.unmetered,
        'Keys without quotas have no daily/monthly usage limits'),
    (3, 'no_acl_restriction', 'info', k.unrestricted,
        'Keys without ACL restrictions can access all tools'),
    (4, 'no_spending_limit', 'info', k.unlimited,
        'Keys without spending limits have no cap on total credit consumption'),
    (5, 'no_expiry', 'info', k.eternal,
        'Keys without expiry dates remain valid indefinitely'),
    (6, 'high_credit_balance', 'warning', k.rich,
        'Keys with 10000+ credits are high-value targets if compromised')
) f (n, type, severity, keys, description)
where f.keys is not null
order by f.n
"""  # noqa: S608 - composed of constants
# A warning costs a key 5 points, an information 2.
SCORE = f"""
select greatest(0, 100 - 5 * w.warnings - 2 * w.infos)::numeric as score, w.total_keys,
    w.warnings + w.infos as total_findings
from (
    select count(*) as total_keys,
        coalesce(sum(w.is_open_to_all_ips::int + w.is_rich::int), 0)::bigint as warnings,
        coalesce(sum(w.has_no_quota::int + w.has_all_tools::int + w.has_no_spending_limit::int
                     + w.never_expires::int), 0)::bigint as infos
    from ({WEAKNESSES}) w
) w
"""  # noqa: S608 - composed of constants


@dataclass(frozen=True)
class SecurityFinding:
    """A weakness and the names of the keys that have it."""

    type: str
    severity: Literal["warning", "info"]
    keys: list[str]
    description: str


@dataclass(frozen=True)
class SecurityScore:
    """How much was found."""

    score: Number
    total_keys: Count
    total_findings: Count


@dataclass(frozen=True)
class SecuritySummary:
    """Keys looked at, and findings, one for each key and weakness."""

    total_keys: Count
    total_findings: Count


@dataclass(frozen=True)
class Security:
    """What was found, and points of 100 left."""

    score: Number
    summary: SecuritySummary
    findings: list[SecurityFinding]


@report(Family.GATEWAY)
def security(params: GatewayParams, snapshot: Snapshot) -> Security:
    """Security.

    Keys that are not revoked and lack a restriction: no IP allowlist, no quota (of their own or
    of the gateway; any limit above zero is one), all tools allowed, no spending limit, no expiry,
    or that hold 10000 credits or more. The score is 100 less 5 for every key without allowlist or
    with many credits and 2 for every other finding, at least 0: eight plain keys are enough for 0,
    so it does not tell large gateways apart. Limits of a key's group are not looked at.
    """
    found = snapshot.one(SecurityScore, SCORE, any_limit=ANY_LIMIT)
    return Security(
        score=found.score,
        summary=SecuritySummary(total_keys=found.total_keys, total_findings=found.total_findings),
        findings=snapshot.fetch(SecurityFinding, FINDINGS, any_limit=ANY_LIMIT),
    )
