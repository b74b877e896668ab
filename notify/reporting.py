"""Sending scheduled reports: each period once, whatever was doubled, killed or late."""

import logging
import time
from datetime import UTC, timedelta
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException

from analytics.params import INSTANT, SpanParams
from analytics.registry import Answer, Family, Report, find_report
from analytics.serializers import params_serializer
from notify.letters import Period, figures_of, files_of, letter_of
from notify.models import Message, MessageFile
from notify.models.endpoints import EventType
from notify.models.schedules import ReportSchedule
from notify.outbox import post, tell_owner
from notify.periods import Every, due, midnight, start_of

log = logging.getLogger(__name__)

PAUSED_AFTER = 3
FIRST_WAIT = timedelta(minutes=5)  # doubled with every failure in a row
FAILURES = (APIException, LookupError, ValueError, TypeError, DatabaseError)


def send_due(limit_seconds: float = 50) -> int:
    """Everything that is due, the longest overdue first; how many periods were sent."""
    deadline, sent = time.monotonic() + limit_seconds, 0
    while time.monotonic() < deadline:
        outcome = _send_one()
        if outcome is None:
            break
        sent += outcome
    return sent


def _send_one() -> int | None:
    """1 sent, 0 failed, None when nothing is due or another worker has it."""
    with transaction.atomic():
        rows = ReportSchedule.objects.filter(enabled=True, paused_at=None, next_at__lte=Now())
        free = rows.select_for_update(skip_locked=True, of=("self",))
        schedule = free.order_by("next_at").first()
        if schedule is None:
            return None
        try:
            with transaction.atomic():
                _send(schedule)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are sent
            _failed(schedule, error)
            return 0
        _succeeded(schedule)
        return 1


def answered(schedule: ReportSchedule) -> tuple[Report, Answer, Period]:
    """What the report says of the next period. LookupError, or what a report raises."""
    report = find_report(schedule.report, Family(schedule.family))
    end = schedule.following
    period = Period(start_of(Every(schedule.every), end), end, schedule.zone)
    return report, report.answer(query_of(schedule, report, period)), period


def query_of(schedule: ReportSchedule, report: Report, period: Period) -> dict[str, str]:
    """The parameters: the period as from and to where the report takes them, else its last moment.

    The end itself is the first moment of the next day, which reports of a day would be about.

    LookupError for one that the report does not take.
    """
    query = {name: str(value) for name, value in schedule.params.items()}
    unknown = sorted(set(query) - set(params_serializer(report.params_type)().fields))
    if unknown:
        raise LookupError(f"the report has no parameter {', '.join(unknown)}")
    query["tz"] = schedule.zone
    start, end = (midnight(day, schedule.zone) for day in (period.start, period.end))
    if issubclass(report.params_type, SpanParams):
        return query | {"from": start.isoformat(), "to": end.isoformat()}
    return query | {"as_of": (end.astimezone(UTC) - INSTANT).isoformat()}


def send_test(schedule: ReportSchedule, user: User) -> None:
    """The same mail to one user alone; nothing counts as sent. Raises what a report raises."""
    report, answer, period = answered(schedule)
    letter = letter_of(schedule.name, report, answer, period)
    message = post(f"report.test:{uuid4()}", "report.test", {}, letter, [user.email])
    _attach(message, files_of(report, answer, schedule.zone))


def _send(schedule: ReportSchedule) -> None:
    report, answer, period = answered(schedule)
    message = post(
        f"{EventType.REPORT_READY.value}:{schedule.pk}:{period.end}",  # once a period
        EventType.REPORT_READY.value,
        _data(schedule, answer, period),
        letter_of(schedule.name, report, answer, period),
        schedule.emails,
        schedule.endpoints.values_list("pk", flat=True),
    )
    _attach(message, files_of(report, answer, schedule.zone))


def _attach(message: Message | None, files: list[MessageFile]) -> None:
    if message is None:  # it was sent before
        return
    for file in files:
        file.message = message
        file.save()


def _data(schedule: ReportSchedule, answer: Answer, period: Period) -> dict[str, Any]:
    """For endpoints: the figures that stand in no list, exact, as text."""
    figures = figures_of(answer.data)
    return {
        "schedule": schedule.name,
        "report": f"{schedule.family}/{schedule.report}",
        "from": midnight(period.start, period.zone).isoformat(),
        "to": midnight(period.end, period.zone).isoformat(),
        "asOf": answer.as_of.isoformat(),
        "figures": {path: None if v is None else str(v) for path, v in figures.items()},
    }


def _succeeded(schedule: ReportSchedule) -> None:
    schedule.told_until = schedule.following
    schedule.failures, schedule.error = 0, ""
    schedule.save()


def _failed(schedule: ReportSchedule, error: Exception) -> None:
    log.warning("scheduled report %s: %s", schedule.pk, error, exc_info=error)
    schedule.failures += 1
    schedule.error = f"{type(error).__name__}: {error}"[:500]
    wait = FIRST_WAIT * 2 ** (schedule.failures - 1)
    is_over = schedule.failures >= PAUSED_AFTER
    ReportSchedule.objects.filter(pk=schedule.pk).update(
        failures=schedule.failures,
        error=schedule.error,
        next_at=Now() + wait,
        paused_at=Now() if is_over else None,
    )
    if is_over:
        subject = _("The scheduled report %s is paused") % schedule.name
        tell_owner(schedule.owner, subject, schedule.error)


def resume(schedule: ReportSchedule) -> None:
    """Begin again where it stopped."""
    schedule.failures, schedule.error, schedule.paused_at = 0, "", None
    schedule.next_at = due(schedule.following, schedule.at, schedule.zone)
    schedule.save()
