"""A chart of a report's page as a picture for mails."""

import io
from collections.abc import Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from analytics.admin.charts import Chart

MOST = 62  # slots that can be told apart
COLOURS = ("#0f766e", "#b45309", "#4338ca")
SIZE = {"figsize": (8, 3.2), "dpi": 100}  # 800 by 320 pixels


def drawable(charts: Sequence[Chart]) -> Chart | None:
    """The first chart that shows something; None when none does."""
    return next((chart for chart in charts if not chart.is_empty), None)


def picture(chart: Chart) -> bytes:
    """PNG; the newest slots when there are too many to see."""
    figure = Figure(**SIZE, layout="constrained")  # type: ignore[arg-type]  # sizes by keyword
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    labels = list(chart.labels)[-MOST:]
    width = 0.8 / len(chart.series)
    for number, (series, colour) in enumerate(zip(chart.series, COLOURS, strict=False)):
        places = [slot + width * number for slot in range(len(labels))]
        heights = [float(value) for value in series.values[-MOST:]]
        axes.bar(places, heights, width, align="edge", color=colour, label=series.label)
    _write(axes, chart, labels)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def _write(axes: Any, chart: Chart, labels: list[str]) -> None:
    """A $ in a name begins no formula."""
    middles = [slot + 0.4 for slot in range(len(labels))]
    axes.set_xticks(middles, labels, rotation=45, ha="right", fontsize=7, parse_math=False)
    title = f"{chart.title} ({chart.unit})" if chart.unit == "USD" else chart.title
    axes.set_title(title, loc="left", fontsize=9, parse_math=False)
    axes.tick_params(axis="y", labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    if len(chart.series) > 1:
        for text in axes.legend(fontsize=7, frameon=False).get_texts():
            text.set_parse_math(False)
