"""Whether somebody asked for silence."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q

from notify.models.alerts import AlertRule, MutingWindow


def is_muted(rule: AlertRule, now: datetime) -> bool:
    """Whether a window of the rule, or of all rules, holds `now`."""
    windows: Iterable[MutingWindow] = MutingWindow.objects.filter(Q(rule=rule) | Q(rule=None))
    return any(holds(window, now) for window in windows)


def holds(window: MutingWindow, now: datetime) -> bool:
    """Whether a moment is inside; beginnings are, ends are not."""
    if window.starts_at is not None and window.ends_at is not None:
        return window.starts_at <= now < window.ends_at
    local = now.astimezone(ZoneInfo(window.zone))
    begins, ends = window.from_time or time.min, window.to_time or time.min
    clock = local.time()
    today = local.weekday() in window.weekdays
    if begins < ends:
        return today and begins <= clock < ends
    yesterday = (local.date() - timedelta(days=1)).weekday() in window.weekdays
    return (today and clock >= begins) or (yesterday and clock < ends)
