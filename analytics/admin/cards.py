"""A dashboard's card, answered: its report's figures as written. Nothing is added up here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from django.utils.functional import Promise

from analytics.admin.charts import SLOTS, Chart, Series, slot_label
from analytics.admin.dashboards import Card, Shown
from analytics.admin.formats import label, written
from analytics.admin.panels import Panel, ask
from analytics.admin.tables import Table, listing
from analytics.serializers import bare_type
from analytics.units import unit_of
from billing.admin.figures import EMPTY, moment

ROWS_SHOWN = 10  # the report's own page has all
SLOTS_SHOWN = 48


@dataclass(frozen=True)
class Figure:
    """A headline figure."""

    label: str
    value: str


@dataclass(frozen=True)
class AnsweredCard:
    """What the template shows of a card: one of figures, table and chart, or an error."""

    card: Card
    panel: Panel
    as_of: str = ""
    figures: Sequence[Figure] = ()
    table: Table | None = None
    chart: Chart | None = None
    more: int = 0

    @property
    def title(self) -> str | Promise:
        """The card's heading."""
        return self.card.title


def answer(card: Card, query: Mapping[str, str], as_of: str) -> AnsweredCard:
    """The card as of a moment; what is wrong is said in the card alone."""
    asked = {**card.preset, **query}
    panel = ask(card.report, asked, {"as_of": as_of}, card.family)
    if panel.answer is None:
        return AnsweredCard(card, panel)
    stated = moment(panel.answer.as_of)
    if card.shown is Shown.FIGURES:
        return AnsweredCard(card, panel, stated, figures=_figures(card, panel))
    rows, shape = _rows(card, panel)
    if card.shown is Shown.CHART:
        return AnsweredCard(card, panel, stated, chart=_chart(card, rows[-SLOTS_SHOWN:], shape))
    shown = rows[:ROWS_SHOWN]
    table = listing(shown, shape, panel.zone, card.names)
    return AnsweredCard(card, panel, stated, table=table, more=len(rows) - len(shown))


def _figures(card: Card, panel: Panel) -> list[Figure]:
    is_quiet = not _value(panel.result, card.names[0])
    return [_figure(name, panel, is_quiet) for name in card.names]


def _figure(path: str, panel: Panel, is_quiet: bool) -> Figure:
    """One figure; without anything to judge by, rates and times are dashes, not perfection."""
    unit = unit_of(_annotation(panel.report.row_type, path))
    name, value = path.rpartition(".")[2], _value(panel.result, path)
    is_empty = is_quiet and unit is not None and unit.name in ("ratio", "percent", "millis")
    return Figure(label(name), EMPTY if is_empty else written(name, value, unit, panel.zone))


def _value(result: Any, path: str) -> Any:
    for name in path.split("."):
        result = getattr(result, name)
    return result


def _annotation(shape: Any, path: str) -> Any:
    annotation: Any = shape
    for name in path.split("."):
        annotation = get_type_hints(bare_type(annotation), include_extras=True)[name]
    return annotation


def _rows(card: Card, panel: Panel) -> tuple[Sequence[Any], type]:
    if not card.rows:
        return panel.result, panel.report.row_type
    shape = get_args(bare_type(_annotation(panel.report.row_type, card.rows)))[0]
    return _value(panel.result, card.rows), shape


def _chart(card: Card, rows: Sequence[Any], shape: type) -> Chart:
    first, *drawn = card.names
    hints = get_type_hints(shape, include_extras=True)
    unit = unit_of(hints[drawn[0]])
    series = [Series(label(name), [getattr(row, name) for row in rows]) for name in drawn]
    names = [getattr(row, first) for row in rows]
    labels = [slot_label(name) if first in SLOTS else str(name) for name in names]
    sign = (unit.sign or unit.name) if unit else ""
    return Chart(card.key, str(card.title), "bar", sign, labels, series)
