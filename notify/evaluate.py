"""Looking at every rule: figures first, then one short transaction that changes states.

The rule's row is locked while states change, and what was read before an evaluation already
stored is dropped; the unique index on open alerts stands behind both. So two workers, or a
missed or doubled minute, change nothing but who does the work.
"""

import logging
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, connection, transaction
from rest_framework.exceptions import APIException

from notify.figures import Figures, NoFigure, answer_of, figures_of, is_breached
from notify.models.alerts import (
    LOUD_STATES,
    OPEN_STATES,
    Alert,
    AlertRule,
    AlertState,
    Evaluation,
    NoData,
)
from notify.muting import is_muted
from notify.telling import tell_firing, tell_resolved

KEPT = timedelta(days=7)
logger = logging.getLogger(__name__)


def evaluate_all() -> int:
    """Every enabled rule; how many. One that fails does not keep the others."""
    rules = list(AlertRule.objects.filter(enabled=True))
    for rule in rules:
        evaluate(rule)
    with connection.cursor() as cursor:
        kept: Any = KEPT
        cursor.execute("delete from notify_evaluation where at < now() - %s", [kept])
    return len(rules)


def evaluate(rule: AlertRule) -> Evaluation | None:
    """Look at one rule now; None when another worker did so later than this one began."""
    now = database_now()
    figures: Figures = {}
    error = ""
    try:
        figures = figures_of(rule, answer_of(rule, now).data)
    except (APIException, LookupError, NoFigure, DatabaseError, ValueError) as problem:
        logger.warning("alert rule %s could not be evaluated: %s", rule.name, problem)
        error = f"{type(problem).__name__}: {problem}".replace("\0", "")[:500]
    return apply(rule, now, figures, error)


def database_now() -> datetime:
    """The only clock there is."""
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


@transaction.atomic
def apply(rule: AlertRule, now: datetime, figures: Figures, error: str = "") -> Evaluation | None:
    """Bring alerts in line with what was read at `now`. An error leaves them as they are."""
    locked = AlertRule.objects.select_for_update().get(pk=rule.pk)
    if not locked.enabled or (locked.evaluated_at is not None and locked.evaluated_at >= now):
        return None
    opened = {a.subject: a for a in locked.alerts.filter(state__in=OPEN_STATES)}
    breached: dict[str, Decimal | None] = {}
    if not error:
        breached = _breached(locked, figures, opened)
        _change(locked, now, breached, opened)
    AlertRule.objects.filter(pk=rule.pk).update(evaluated_at=now, error=error)
    return Evaluation.objects.create(
        rule=locked,
        at=now,
        subjects=len(figures),
        breached=len(breached),
        value=figures.get(""),
        error=error,
    )


def _breached(
    rule: AlertRule, figures: Figures, opened: dict[str, Alert]
) -> dict[str, Decimal | None]:
    """Subjects that are to be open, with their values."""
    known: Figures = dict.fromkeys(opened) | ({} if figures else {"": None}) | figures
    found: dict[str, Decimal | None] = {}
    for subject, value in known.items():
        if value is not None:
            wrong = is_breached(rule, value)
        elif rule.no_data == NoData.FIRING:
            wrong = subject in figures or not figures  # a row that went while others stay is over
        else:
            wrong = rule.no_data == NoData.KEEP and subject in opened
        if wrong:
            found[subject] = value
    return found


def _change(
    rule: AlertRule,
    now: datetime,
    breached: dict[str, Decimal | None],
    opened: dict[str, Alert],
) -> None:
    muted = is_muted(rule, now)
    for subject in sorted(breached):
        alert = opened.get(subject) or Alert(rule=rule, subject=subject, breached_at=now)
        alert.value = breached[subject]
        _raise(alert, now, muted)
    for subject in sorted(opened.keys() - breached.keys()):
        _resolve(opened[subject], now)


def _raise(alert: Alert, now: datetime, muted: bool) -> None:
    is_due = now - alert.breached_at >= timedelta(seconds=alert.rule.for_seconds)
    if alert.state not in LOUD_STATES:
        alert.state = AlertState.FIRING if is_due else AlertState.PENDING
        alert.fired_at = now if is_due else None
    must_tell = alert.state == AlertState.FIRING and not alert.is_told and not muted
    alert.is_told = alert.is_told or must_tell
    alert.save()
    if must_tell:
        tell_firing(alert)


def _resolve(alert: Alert, now: datetime) -> None:
    if alert.state == AlertState.PENDING:
        alert.delete()  # it never fired
        return
    alert.state, alert.resolved_at = AlertState.RESOLVED, now
    alert.save()
    if alert.is_told:
        tell_resolved(alert)
