"""A report's answer as a mail: the tables and the chart of its page, everything as CSV."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from django.utils.html import format_html, format_html_join, strip_tags
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from analytics.admin.charts import charts
from analytics.admin.tables import Table, tables
from analytics.api.renderers import csv_text
from analytics.params import SpanParams
from analytics.registry import Answer, Report
from notify.chart import drawable, picture
from notify.models import MessageFile
from notify.outbox import Letter

SHOWN = 20  # rows of a table; all are in the CSV
CHART = "chart"
CELL = "border:1px solid #8886;padding:4px 8px;text-align:"
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
    """What the mail says: what the report's page would, at the same moment."""
    subject = f"{name}: {period}"
    has_range = issubclass(report.params_type, SpanParams)
    about = _("%(report)s, as of %(moment)s.") % {
        "report": f"{report.title}, {period}" if has_range else report.title,
        "moment": answer.as_of.isoformat(timespec="seconds"),
    }
    found = tables(answer.result, report.row_type, period.zone)
    chart = drawable(charts(answer.result, report.row_type, period.zone))
    image = format_html('<p><img src="cid:{}" alt="" width="800"></p>', CHART) if chart else ""
    shown = format_html_join("", "{}", ((_table(table),) for table in found if table.rows))
    html = format_html(PAGE, subject, about, image, shown)
    return Letter(subject, "\n\n".join([about, *map(_plain, found)]), html)


def files_of(report: Report, answer: Answer, zone: str) -> list[MessageFile]:
    """The CSV, and the chart that the HTML shows when there is something to draw."""
    text = csv_text(report, answer.data).encode()
    files = [MessageFile(name=f"{report.slug}.csv", content_type="text/csv", content=text)]
    chart = drawable(charts(answer.result, report.row_type, zone))
    if chart:
        image = MessageFile(name=f"{report.slug}.png", content_type="image/png", content_id=CHART)
        image.content = picture(chart)
        files.append(image)
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


def _table(table: Table) -> SafeString:
    head = _line("th", [(column.heading, column.is_number) for column in table.columns])
    body = format_html_join("", "{}", ((_line("td", row),) for row in table.cells[:SHOWN]))
    title = format_html("<h3>{}</h3>", table.title) if table.title else ""
    left = max(len(table.rows) - SHOWN, 0) + table.hidden
    more = format_html("<p>{}</p>", _("%d more in the CSV.") % left) if left else ""
    grid = "{}<table style='border-collapse:collapse'>{}{}</table>{}"
    return format_html(grid, title, head, body, more)


def _line(tag: str, cells: list[tuple[str, bool]]) -> SafeString:
    parts = ((tag, CELL, "right" if is_number else "left", text, tag) for text, is_number in cells)
    return format_html("<tr>{}</tr>", format_html_join("", "<{} style='{}{}'>{}</{}>", parts))


def _plain(table: Table) -> str:
    """For readers without HTML: a line for each row."""
    rows = [": ".join(map(strip_tags, row)) for row in table.rows[:SHOWN]]
    return "\n".join([table.title, *rows] if table.title else rows)
