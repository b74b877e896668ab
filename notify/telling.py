"""What an alert says, by mail and by webhook."""

from typing import Any

from django.utils.html import format_html
from django.utils.translation import gettext as _

from billing.admin.figures import exact, moment
from notify.models.alerts import Alert
from notify.models.endpoints import EventType
from notify.outbox import Letter, post

PAGE = """<!doctype html><html><head><meta name="color-scheme" content="light dark"></head>
<body style="font-family:sans-serif;line-height:1.5"><h2>{}</h2><p>{}</p></body></html>"""


def tell_firing(alert: Alert) -> None:
    """Once an alert, however often it is called: the event's id is the alert's."""
    _tell(alert, EventType.ALERT_FIRING, _("Firing"))


def tell_resolved(alert: Alert) -> None:
    """The recovery."""
    _tell(alert, EventType.ALERT_RESOLVED, _("Resolved"))


def _tell(alert: Alert, type_: EventType, word: str) -> None:
    rule = alert.rule
    post(
        f"{type_.value}:{alert.pk}",
        type_.value,
        data_of(alert),
        _letter(alert, word),
        rule.emails,
        rule.endpoints.values_list("pk", flat=True),
    )


def data_of(alert: Alert) -> dict[str, Any]:
    """For endpoints; numbers as strings, exact."""
    rule = alert.rule
    return {
        "alertId": alert.pk,
        "rule": rule.name,
        "severity": rule.severity,
        "subject": alert.subject,
        "report": f"{rule.family}/{rule.report}",
        "figure": rule.figure,
        "comparison": rule.comparison,
        "threshold": str(rule.threshold),
        "value": None if alert.value is None else str(alert.value),
        "breachedAt": alert.breached_at.isoformat(),
        "firedAt": alert.fired_at.isoformat() if alert.fired_at else None,
        "resolvedAt": alert.resolved_at.isoformat() if alert.resolved_at else None,
    }


def _letter(alert: Alert, word: str) -> Letter:
    rule = alert.rule
    subject = f"[{word}] {rule.get_severity_display()}: {alert}"
    value = _("no data") if alert.value is None else exact(alert.value)
    lines = [
        _("%(figure)s of %(report)s is %(value)s; the rule says %(comparison)s %(threshold)s.")
        % {
            "figure": rule.figure,
            "report": rule.report,
            "value": value,
            "comparison": rule.get_comparison_display(),
            "threshold": exact(rule.threshold),
        },
        _("Since %s UTC.") % moment(alert.breached_at),
    ]
    if alert.resolved_at:
        lines.append(_("Over at %s UTC.") % moment(alert.resolved_at))
    text = "\n".join(lines)
    return Letter(subject, text, format_html(PAGE, subject, " ".join(lines)))
