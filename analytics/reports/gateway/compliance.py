"""How well keys are fenced in."""

from dataclasses import dataclass

from analytics.params import GatewaySpanParams
from analytics.query import Snapshot, bounds
from analytics.registry import Family, report
from analytics.units import Count, IsoMs, Number

KEYS = """
select count(*) as keys,
    count(k.expires_text) as expiring,
    count(*) filter (where cardinality(b.allowed_tools) > 0) as with_tools,
    count(*) filter (where cardinality(b.ip_allowlist) > 0) as with_addresses,
    count(*) filter (where b.spending_limit > 0) as with_limit
from gateway_keys(%(sources)s, %(as_of)s) k
join billing_apikey b on b.id = k.id
where k.is_live
"""

CALLS = """
select sum(s.calls) filter (where s.part = 'all')::bigint as total_events,
    count(*) filter (where s.part = 'tool' and s.label <> '') as unique_tools,
    count(*) filter (where s.part = 'name' and s.label <> '') as unique_keys
from gateway_sums(%(sources)s, %(start)s, %(end)s, null) s
"""

SCORE = """
select case when %(keys)s = 0 then 100
    else gateway_round(
        %(expiring)s / %(keys)s::float8 * 25 + %(with_tools)s / %(keys)s::float8 * 25
        + %(with_addresses)s / %(keys)s::float8 * 20 + %(with_limit)s / %(keys)s::float8 * 15
        + case when %(events)s > 0 then 15 else 0 end) end as score
"""


@dataclass(frozen=True)
class FencedKeys:
    """Keys that are not revoked: all, and those with each fence."""

    keys: int
    expiring: int
    with_tools: int
    with_addresses: int
    with_limit: int


@dataclass(frozen=True)
class ComplianceScore:
    """0 to 100."""

    score: Number


@dataclass(frozen=True)
class ComplianceGovernance:
    """Keys by whether they expire."""

    total_keys: Count
    keys_with_expiry: Count
    keys_without_expiry: Count


@dataclass(frozen=True)
class ComplianceAccess:
    """Keys by their fences."""

    keys_with_acl: Count
    keys_without_acl: Count
    keys_with_ip_restriction: Count
    keys_without_ip_restriction: Count
    keys_with_spending_limit: Count
    keys_without_spending_limit: Count


@dataclass(frozen=True)
class ComplianceTrail:
    """Metered calls."""

    total_events: Count
    unique_tools: Count
    unique_keys: Count


@dataclass(frozen=True)
class Compliance:
    """Fences of keys, the score they make, and what to do about it."""

    key_governance: ComplianceGovernance
    access_control: ComplianceAccess
    audit_trail: ComplianceTrail
    overall_score: Number
    recommendations: list[str]
    generated_at: IsoMs


@report(Family.GATEWAY)
def compliance(params: GatewaySpanParams, snapshot: Snapshot) -> Compliance:
    """Compliance.

    Keys that are not revoked, suspended and expired ones included, by whether they expire and
    are limited to tools (allowed ones; denied tools do not count), to addresses and to a sum of
    credits. overallScore is the rounded sum of 25 x the share that expires, 25 x the share with
    allowed tools, 20 x addresses, 15 x spending limit, and 15 if there was any call; 100 without
    keys. auditTrail counts metered calls, not entries of the audit log, which the gateway's name
    for it suggests; keys of one name are one there. The window limits the calls only.
    """
    keys = snapshot.one(FencedKeys, KEYS)
    trail = snapshot.one(ComplianceTrail, CALLS, **bounds(params.range(snapshot.as_of)))
    values = vars(keys) | {"events": trail.total_events}
    return Compliance(
        key_governance=ComplianceGovernance(keys.keys, keys.expiring, keys.keys - keys.expiring),
        access_control=_access(keys),
        audit_trail=trail,
        overall_score=snapshot.one(ComplianceScore, SCORE, **values).score,
        recommendations=_advice(keys, trail),
        generated_at=snapshot.as_of,
    )


def _access(keys: FencedKeys) -> ComplianceAccess:
    return ComplianceAccess(
        keys.with_tools,
        keys.keys - keys.with_tools,
        keys.with_addresses,
        keys.keys - keys.with_addresses,
        keys.with_limit,
        keys.keys - keys.with_limit,
    )


def _advice(keys: FencedKeys, trail: ComplianceTrail) -> list[str]:
    unfenced = [
        (keys.keys - keys.expiring, "Set expiry dates on {} key(s) without time-limited access"),
        (
            keys.keys - keys.with_tools,
            "Add tool ACL restrictions to {} key(s) with unrestricted tool access",
        ),
        (
            keys.keys - keys.with_addresses,
            "Add IP allowlists to {} key(s) accessible from any IP",
        ),
        (keys.keys - keys.with_limit, "Set spending limits on {} key(s) without cost controls"),
    ]
    advice = [text.format(count) for count, text in unfenced if count]
    if keys.keys and not trail.total_events:
        advice.append("No usage events recorded — ensure audit trail is capturing tool calls")
    return advice
