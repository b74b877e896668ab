"""A rule's figures, read from a report's answer: one for the whole, or one a row."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from analytics.registry import Answer, Family, find_report
from notify.models.alerts import AlertRule

Figures = dict[str, Decimal | None]
_HOLDS: dict[str, Any] = {
    "gt": lambda value, limit: value > limit,
    "gte": lambda value, limit: value >= limit,
    "lt": lambda value, limit: value < limit,
    "lte": lambda value, limit: value <= limit,
}


class NoFigure(ValueError):
    """The rule's path leads to nothing that the report says, or to what is no number."""


def answer_of(rule: AlertRule, now: datetime) -> Answer:
    """The report's answer. LookupError, or what a report raises."""
    query = {name: str(value) for name, value in rule.params.items()}
    if rule.minutes:
        start = now - timedelta(minutes=rule.minutes)
        query |= {"from": start.isoformat(), "to": now.isoformat()}
    return find_report(rule.report, Family(rule.family)).answer(query)


def figures_of(rule: AlertRule, data: Any) -> Figures:
    """By subject; null where the report has none. Raises NoFigure."""
    if not rule.rows:
        return {"": _number(_at(data, rule.figure), rule.figure)}
    rows = data if rule.rows == "." else _at(data, rule.rows)
    if not isinstance(rows, list):
        raise NoFigure(f"{rule.rows} is no list")
    found: Figures = {}
    for row in rows:
        subject = str(_at(row, rule.subject))[:300]
        found[subject] = _number(_at(row, rule.figure), rule.figure)
    return found


def is_breached(rule: AlertRule, value: Decimal) -> bool:
    """Whether the value is on the wrong side."""
    return bool(_HOLDS[rule.comparison](value, rule.threshold))


def _at(data: Any, path: str) -> Any:
    for name in path.split("."):
        if data is None:
            return None
        if not isinstance(data, Mapping) or name not in data:
            raise NoFigure(f"the report has no {path}")
        data = data[name]
    return data


def _number(value: Any, path: str) -> Decimal | None:
    if value is None:
        return None
    try:
        if isinstance(value, bool):
            raise NoFigure(f"{path} is no number")
        return Decimal(str(value))
    except InvalidOperation as error:
        raise NoFigure(f"{path} is no number") from error
