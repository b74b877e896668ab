"""A list of a report's answer as a picture for mails."""

import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

MOST = 31  # bars that can be told apart
SHOWN = 24  # characters of a label
COLOUR = "#0f766e"
MOMENT = "timestamp"  # of a series: milliseconds, or text


class Bars(NamedTuple):
    """What is drawn: the name of the list and of the figure, labels and heights."""

    title: str
    labels: list[str]
    heights: list[float]


def bars_of(data: Any) -> Bars | None:
    """The first list whose rows have a text or a moment, and a number; None without one."""
    for name, rows in _lists(data, ""):
        label = MOMENT if MOMENT in rows[0] else _text_field(rows[0])
        figure = _number_field({k: v for k, v in rows[0].items() if k != label})
        if label and figure:
            taken = rows[:MOST]
            return Bars(
                f"{name}: {figure}" if name else figure,
                [_shown(label, row[label]) for row in taken],
                [float(_number(row[figure]) or 0) for row in taken],
            )
    return None


def picture(bars: Bars) -> bytes:
    """PNG, 800 pixels wide."""
    figure = Figure(figsize=(8, 3.2), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    places = range(len(bars.labels))
    axes.bar(places, bars.heights, color=COLOUR)
    # a $ in a name begins no formula
    axes.set_xticks(places, bars.labels, rotation=45, ha="right", fontsize=7, parse_math=False)
    axes.set_title(bars.title, loc="left", fontsize=9, parse_math=False)
    axes.tick_params(axis="y", labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def _shown(label: str, value: Any) -> str:
    if label == MOMENT and isinstance(value, int):
        return f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d %H:%M}"
    return str(value)[:SHOWN]


def _lists(data: Any, name: str) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    if isinstance(data, list):
        if len(data) > 1 and isinstance(data[0], Mapping):
            yield name, data
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield from _lists(value, key)


def _text_field(row: Mapping[str, Any]) -> str:
    return next((k for k, v in row.items() if isinstance(v, str) and _number(v) is None), "")


def _number_field(row: Mapping[str, Any]) -> str:
    return next((k for k, v in row.items() if _number(v) is not None), "")


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
