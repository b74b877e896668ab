"""A report's answer as a mail: figures and lists as tables, a chart, everything as CSV."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from analytics.api.renderers import csv_text
from analytics.registry import Answer, Report
from billing.api.renderers import exact_json
from notify.chart import bars_of, picture
from notify.models import MessageFile
from notify.outbox import Letter

SHOWN = 20  # rows of a list; all are in the CSV
CHART = "chart"
CELL = "border:1px solid #8886;padding:4px 8px;text-align:left"
PAGE = """<!doctype html><html><head><meta name="color-scheme" content="light dark"></head>
<body style="font-family:sans-serif;line-height:1.5"><h2>{}</h2><p>{}</p>{}{}</body></html>"""


class Period(NamedTuple):
    """Days of a zone, `end` not included."""

    start: date
    end: date
    zone: str

    def __str__(self) -> str:
        """As people write it, with its last day."""
        last = self.end - timedelta(days=1)
        days = f"{self.start}" if self.start == last else f"{self.start} to {last}"
        return f"{days} ({self.zone})"


def letter_of(name: str, report: Report, answer: Answer, period: Period) -> Letter:
    """What the mail says; figures exactly as the API gives them."""
    data = answer.data
    subject = f"{name}: {period}"
    about = _("%(report)s of %(period)s, as of %(moment)s.") % {
        "report": report.title,
        "period": period,
        "moment": answer.as_of.isoformat(timespec="seconds"),
    }
    lines = [f"{path}: {_text(value)}" for path, value in figures_of(data).items()]
    chart = format_html('<p><img src="cid:{}" alt="" width="800"></p>', CHART)
    html = format_html(PAGE, subject, about, chart if bars_of(data) else "", _tables(data, ""))
    return Letter(subject, "\n".join([about, "", *lines]), html)


def files_of(report: Report, data: Any) -> list[MessageFile]:
    """The CSV, and the chart that the HTML shows when there is something to draw."""
    files = [
        MessageFile(
            name=f"{report.slug}.csv",
            content_type="text/csv",
            content=csv_text(report, data).encode(),
        )
    ]
    bars = bars_of(data)
    if bars:
        files.append(
            MessageFile(
                name=f"{report.slug}.png",
                content_type="image/png",
                content_id=CHART,
                content=picture(bars),
            )
        )
    return files


def figures_of(data: Any, path: str = "") -> dict[str, Any]:
    """Every value that stands in no list, by its path of names."""
    if not isinstance(data, Mapping):
        return {}
    found: dict[str, Any] = {}
    for name, value in data.items():
        at = f"{path}.{name}" if path else str(name)
        if isinstance(value, Mapping):
            found |= figures_of(value, at)
        elif not isinstance(value, list):
            found[at] = value
    return found


def _tables(data: Any, name: str) -> SafeString:
    """Figures as one table, then one for each list."""
    parts = []
    figures = figures_of(data)
    if figures:
        parts.append(_table(["", ""], [[path, _text(v)] for path, v in figures.items()]))
    parts += [_list(path, rows) for path, rows in _lists(data, name)]
    return format_html_join("", "{}", ((part,) for part in parts))


def _lists(data: Any, name: str) -> list[tuple[str, list[Any]]]:
    if isinstance(data, list):
        return [(name, data)]
    if not isinstance(data, Mapping):
        return []
    return [found for key, value in data.items() for found in _lists(value, str(key))]


def _list(name: str, rows: list[Any]) -> SafeString:
    if not rows:
        return SafeString("")
    if not isinstance(rows[0], Mapping):
        return format_html("<h3>{}</h3><p>{}</p>", name, ", ".join(map(_text, rows[:SHOWN])))
    head = list(rows[0])
    table = _table(head, [[_text(row.get(key)) for key in head] for row in rows[:SHOWN]])
    left = len(rows) - SHOWN
    more = format_html("<p>{}</p>", _("%d more in the CSV.") % left) if left > 0 else ""
    return format_html("<h3>{}</h3>{}{}", name, table, more)


def _table(head: list[str], rows: list[list[str]]) -> SafeString:
    titles = format_html_join("", "<th style='{}'>{}</th>", ((CELL, text) for text in head))
    body = format_html_join("", "<tr>{}</tr>", ((_cells(row),) for row in rows))
    line = format_html("<tr>{}</tr>", titles) if any(head) else ""
    return format_html("<table style='border-collapse:collapse'>{}{}</table>", line, body)


def _cells(row: list[str]) -> SafeString:
    return format_html_join("", "<td style='{}'>{}</td>", ((CELL, text) for text in row))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else exact_json(value).decode()
