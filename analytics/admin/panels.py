"""A report asked for by a page. One that fails says so in its own place; the page stands."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError
from django.urls import reverse
from django.utils.http import urlencode
from rest_framework.exceptions import APIException

from analytics.registry import Answer, Family, Report, find_report

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Panel:
    """A report and its answer, or else the reason there is none. `query` is what was asked."""

    report: Report
    query: Mapping[str, str]
    answer: Answer | None = None
    error: str = ""
    status: int = 200

    @property
    def result(self) -> Any:
        """The typed result, None when there is none."""
        return self.answer.result if self.answer else None

    @property
    def zone(self) -> str:
        """The time zone the answer speaks in."""
        return self.answer.params.tz if self.answer else "UTC"

    @property
    def page(self) -> str:
        """The report's own page, asked the same."""
        url = reverse("admin:report", args=[self.report.family, self.report.slug])
        return f"{url}?{urlencode(self.query)}" if self.query else url


def ask(
    slug: str,
    query: Mapping[str, str],
    unlinked: Mapping[str, str] | None = None,
    family: Family = Family.PAYMENTS,
) -> Panel:
    """The report's answer to a query string; errors are kept in the panel and logged.

    `unlinked` parameters are asked too, and left out of the link to the report's page.
    """
    report = find_report(slug, family)
    try:
        return Panel(report, query, report.answer({**query, **(unlinked or {})}))
    except APIException as error:
        return Panel(report, query, None, sentence(error.detail), error.status_code)
    except DatabaseError:
        logger.exception("report %s failed", slug)
        return Panel(report, query, None, "The database could not answer.", 503)


def sentence(detail: Any) -> str:
    """An API error's detail as text, each message after the parameter it is about."""
    if isinstance(detail, Mapping):
        return " ".join(f"{name}: {sentence(inner)}" for name, inner in detail.items())
    if isinstance(detail, list):
        return " ".join(sentence(inner) for inner in detail)
    return str(detail)
