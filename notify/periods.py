"""Days, weeks and months of a time zone: where they end, when they are reported."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import models
from django.utils.translation import gettext_lazy as _

DAY = timedelta(days=1)


class Every(models.TextChoices):
    """How long a period is."""

    DAY = "day", _("Day")
    WEEK = "week", _("Week")
    MONTH = "month", _("Month")


def next_end(every: Every, weekday: int, after: date) -> date:
    """The first day after `after` on which a period has just ended."""
    if every is Every.DAY:
        return after + DAY
    if every is Every.WEEK:
        return after + DAY * ((weekday - after.weekday() - 1) % 7 + 1)
    return (after.replace(day=1) + DAY * 32).replace(day=1)


def start_of(every: Every, end: date) -> date:
    """The first day of the period that is over on `end`."""
    if every is Every.DAY:
        return end - DAY
    if every is Every.WEEK:
        return end - DAY * 7
    return (end - DAY).replace(day=1)


def midnight(day: date, zone: str) -> datetime:
    """When the day begins in the zone."""
    return datetime.combine(day, time(), ZoneInfo(zone))


def due(day: date, at: time, zone: str) -> datetime:
    """That time of that day. One that clocks skip is as far past the gap as it would have been."""
    return datetime.combine(day, at, ZoneInfo(zone))
