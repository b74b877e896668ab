"""Every report, in one registry from which all its faces are derived.

A report is a function `(params, snapshot) -> result` under `@report(family=...)`, in a file of
its own name below analytics/reports/<family>/. Its docstring is the published description.
"""

import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from importlib import import_module
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from analytics import reports
from analytics.params import CommonParams
from analytics.query import EVERYTHING, Scope, Snapshot, snapshot
from analytics.serializers import read_params
from analytics.writing import to_data

P = TypeVar("P", bound=CommonParams)
R = TypeVar("R")


class Family(StrEnum):
    """Groups of reports; the value is the folder and the family's part of a path."""

    PAYMENTS = "payments"
    GATEWAY = "gateway"


@dataclass(frozen=True)
class Answer:
    """What a report said: the result, its parameters, the moment, and counts stated beside it."""

    result: Any
    params: CommonParams
    as_of: datetime
    notes: Mapping[str, int]

    @property
    def data(self) -> Any:
        """The result as plain data for JSON: a dict, or a list of dicts."""
        return to_data(self.result)


@dataclass(frozen=True)
class Report:
    """A registered report. `row_type` is the result's dataclass, of each row when `is_list`."""

    family: Family
    slug: str
    description: str
    params_type: type[CommonParams]
    row_type: type
    is_list: bool
    function: Callable[..., Any]

    @property
    def title(self) -> str:
        """The first line of the description, without its full stop."""
        return self.description.partition("\n")[0].rstrip(".")

    @property
    def path(self) -> str:
        """Its place below /api/v1/analytics/."""
        prefix = "" if self.family is Family.PAYMENTS else f"{self.family}/"
        return f"{prefix}{self.slug}/"

    def answer(self, query: Mapping[str, str], scope: Scope = EVERYTHING) -> Answer:
        """Run it with the parameters of a query string, in a snapshot of its own.

        Raises ValidationError, PermissionDenied or ReportTimeout.
        """
        params = read_params(self.params_type, query)
        with snapshot(params, scope) as facts:
            result = self.function(params, facts)
            return Answer(result, params, facts.as_of, facts.notes)


_reports: dict[tuple[Family, str], Report] = {}


def report(
    family: Family,
) -> Callable[[Callable[[P, Snapshot], R]], Callable[[P, Snapshot], R]]:
    """Register the decorated function as a report; its slug is its name with dashes."""

    def register(function: Callable[[P, Snapshot], R]) -> Callable[[P, Snapshot], R]:
        entry = _described(family, function)
        if _reports.setdefault((family, entry.slug), entry) is not entry:
            raise ValueError(f"report {entry.slug} exists already")
        return function

    return register


def _described(family: Family, function: Callable[..., Any]) -> Report:
    hints = get_type_hints(function, include_extras=True)
    result = hints["return"]
    is_list = get_origin(result) is list
    return Report(
        family=family,
        slug=function.__name__.replace("_", "-"),
        description=inspect.getdoc(function) or "",
        params_type=hints["params"],
        row_type=get_args(result)[0] if is_list else result,
        is_list=is_list,
        function=function,
    )


@cache
def all_reports() -> tuple[Report, ...]:
    """Every report, payments first, then by slug; imports the modules of analytics.reports."""
    for module in pkgutil.walk_packages(reports.__path__, f"{reports.__name__}."):
        import_module(module.name)
    order = list(Family)
    return tuple(sorted(_reports.values(), key=lambda r: (order.index(r.family), r.slug)))


def find_report(slug: str, family: Family = Family.PAYMENTS) -> Report:
    """The report of this slug; LookupError when there is none."""
    all_reports()
    try:
        return _reports[family, slug]
    except KeyError as error:
        raise LookupError(f"there is no report {slug}") from error
