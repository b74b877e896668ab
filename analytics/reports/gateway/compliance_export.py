"""The audit log, sorted for an auditor by the words of a framework."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from rest_framework import serializers

from analytics.params import Parameter
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.reports.gateway._frameworks import FRAMEWORKS, SECTION_TYPES
from analytics.reports.gateway._free_json import optional_object
from analytics.reports.gateway._moments import AuditSpan, AuditSpanParams
from analytics.serializers import JsonObject
from analytics.units import OMITTED, Count, IsoMs, iso_ms

DAYS = 30

# An event may stand in two sections.
EVENTS = """
select s.section::int - 1 as section, e.at as timestamp,
    coalesce(nullif(split_part(e.type, '.', 1), ''), 'unknown') as category,
    coalesce(nullif(substr(e.type, strpos(e.type || '.', '.') + 1), ''), e.type) as action,
    e.actor, e.message as detail,
    case when e.type = 'admin.auth_failed' then 'critical'
         when e.type in ('key.revoked', 'admin_key.revoked', 'key.suspended', 'gate.deny',
             'maintenance.enabled', 'admin_key.bootstrap_rotated') then 'warning'
         else 'info' end as severity,
    nullif(e.metadata, '{}') as metadata
from gateway_newest_audit(%(sources)s, %(since)s, %(until)s) e
cross join lateral (values
    (1, %(access)s::text[]), (2, %(processing)s::text[]), (3, %(changes)s::text[]),
    (4, %(security)s::text[])
) s (section, types)
where e.type = any(s.types)
order by s.section, e.rank desc
"""

SUMMARY = """
select count(*) as total_events,
    count(*) filter (where type = any(%(access)s::text[])) as access,
    count(*) filter (where type = any(%(processing)s::text[])) as processing,
    count(*) filter (where type = any(%(changes)s::text[])) as changes,
    count(*) filter (where type = any(%(security)s::text[])) as security,
    count(*) filter (where type = 'admin.auth_failed') as auth_failures,
    count(*) filter (where type = 'key.created') as keys_created,
    count(*) filter (where type = 'key.revoked') as keys_revoked,
    count(*) filter (where type = 'key.suspended') as keys_suspended,
    count(distinct actor) as unique_actors,
    (select coalesce(max(c.server_version), '')
     from billing_gatewayconfig c
     where %(sources)s::bigint[] is null or c.source_id = any(%(sources)s::bigint[]))
        as server_version
from gateway_newest_audit(%(sources)s, %(since)s, %(until)s)
"""


class FrameworkField(serializers.ChoiceField):
    """One of the frameworks; the gateway's own words when it is none."""

    default_error_messages = {
        "invalid_framework": f"Invalid framework. Must be one of: {', '.join(FRAMEWORKS)}"
    }

    def __init__(self, **options: Any) -> None:
        """A choice of the known frameworks."""
        super().__init__(choices=list(FRAMEWORKS), **options)

    def to_internal_value(self, data: Any) -> str:
        """The name; invalid_framework when it is unknown."""
        if data not in FRAMEWORKS:
            self.fail("invalid_framework")
        return str(data)


@dataclass(frozen=True, kw_only=True)
class ComplianceExportParams(AuditSpanParams):
    """A framework and a span of time."""

    framework: Annotated[
        str, Parameter(FrameworkField, "Framework in whose words the sections are named.")
    ] = "soc2"


@dataclass(frozen=True)
class ExportedEventRow:
    """An event in a section; metadata as JSON text."""

    section: int
    timestamp: datetime
    category: str
    action: str
    actor: str
    detail: str
    severity: str
    metadata: str | None


@dataclass(frozen=True)
class ExportedCounts:
    """Counts over the events exported, and the gateway's version."""

    total_events: int
    access: int
    processing: int
    changes: int
    security: int
    auth_failures: int
    keys_created: int
    keys_revoked: int
    keys_suspended: int
    unique_actors: int
    server_version: str


@dataclass(frozen=True)
class ComplianceExportMeta:
    """What the export is of; the period's ends as they were asked for."""

    framework: str
    generated_at: IsoMs
    period_start: str
    period_end: str
    server_version: str
    total_events: Count


@dataclass(frozen=True)
class ComplianceExportEvent:
    """An entry of the audit log; its type is category and action."""

    timestamp: IsoMs
    category: str
    action: str
    actor: str
    detail: str
    severity: str
    metadata: Annotated[JsonObject | None, OMITTED]


@dataclass(frozen=True)
class ComplianceExportSection:
    """Events of a kind, newest first."""

    title: str
    description: str
    events: list[ComplianceExportEvent]
    count: Count


@dataclass(frozen=True)
class ComplianceExportSummary:
    """Counts over the events exported."""

    total_access_control_events: Count
    total_data_processing_events: Count
    total_config_change_events: Count
    total_security_events: Count
    auth_failures: Count
    keys_created: Count
    keys_revoked: Count
    keys_suspended: Count
    unique_actors: Count


@dataclass(frozen=True)
class ComplianceExport:
    """The audit log in four sections."""

    meta: ComplianceExportMeta
    sections: list[ComplianceExportSection]
    summary: ComplianceExportSummary


@report(Family.GATEWAY)
def compliance_export(params: ComplianceExportParams, snapshot: Snapshot) -> ComplianceExport:
    """Compliance export.

    Entries of the audit log from since (30 days ago unless told otherwise) to until, both
    included, in four sections: access control, data processing, configuration changes and
    security; framework (soc2, gdpr or hipaa) only names them. Revoked and suspended keys are in
    two of them, types of no section (sessions, say) in none. As at the gateway only the newest
    1,000 entries are exported and counted, meta.totalEvents included: ask for shorter periods to
    have all. periodStart and periodEnd repeat the text of since and until; text that is no date
    leaves no entries. The gateway logs every export of its own; this one leaves no trace there.
    """
    span = params.span(snapshot.as_of, DAYS)
    values = {"since": span.since, "until": span.until} | SECTION_TYPES
    counts = snapshot.one(ExportedCounts, SUMMARY, **values)
    rows = snapshot.fetch(ExportedEventRow, EVENTS, **values)
    return ComplianceExport(
        meta=_meta(params, snapshot, span, counts),
        sections=[
            _section(
                f"{clause} \N{EN DASH} {title}", text, [row for row in rows if row.section == n]
            )
            for n, (clause, title, text) in enumerate(FRAMEWORKS[params.framework])
        ],
        summary=ComplianceExportSummary(
            counts.access,
            counts.processing,
            counts.changes,
            counts.security,
            counts.auth_failures,
            counts.keys_created,
            counts.keys_revoked,
            counts.keys_suspended,
            counts.unique_actors,
        ),
    )


def _meta(
    params: ComplianceExportParams, snapshot: Snapshot, span: AuditSpan, counts: ExportedCounts
) -> ComplianceExportMeta:
    return ComplianceExportMeta(
        framework=params.framework,
        generated_at=snapshot.as_of,
        period_start=iso_ms(span.since) if params.since is None else params.since,
        period_end=iso_ms(snapshot.as_of) if params.until is None else params.until,
        server_version=counts.server_version,
        total_events=counts.total_events,
    )


def _section(title: str, description: str, rows: list[ExportedEventRow]) -> ComplianceExportSection:
    events = [
        ComplianceExportEvent(
            row.timestamp,
            row.category,
            row.action,
            row.actor,
            row.detail,
            row.severity,
            optional_object(row.metadata),
        )
        for row in rows
    ]
    return ComplianceExportSection(title, description, events, len(events))
