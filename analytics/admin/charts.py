"""What the pages draw: series of a report's result, as data for static/paygate/charts.js."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, get_args, get_type_hints
from zoneinfo import ZoneInfo

from analytics.admin.formats import EPOCH, label
from analytics.serializers import bare_type
from analytics.units import COUNT, CREDITS, EPOCH_MS, MONEY, NUMBER, Unit, unit_of

ONE_DAY_MS = 86_400_000
COUNTS_TOGETHER = 3  # more bars a slot than these cannot be told apart
SLOTS = {"hour", "date", "timestamp", "period"}  # fields whose text names a slot of time
MOST_SLOTS = 1_000  # narrower bars are not seen


@dataclass(frozen=True)
class Series:
    """Values of one measure, one for each label of its chart."""

    label: str
    values: Sequence[Decimal | int]


@dataclass(frozen=True)
class Chart:
    """A chart: `kind` is bar (over time) or ranking (one bar a name); `unit` of its axis."""

    id: str
    title: str
    kind: str
    unit: str
    labels: Sequence[str]
    series: Sequence[Series]

    @property
    def data(self) -> dict[str, Any]:
        """For the page's JSON block."""
        return asdict(self)

    @property
    def block(self) -> str:
        """The id of that JSON block."""
        return f"chart-{self.id}"

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see but zeros."""
        return not any(value for one in self.series for value in one.values)


def time_labels(moments: Sequence[int], zone: str) -> list[str]:
    """Epoch milliseconds as local labels: hours when slots are shorter than a day, else days."""
    local = [(EPOCH + timedelta(milliseconds=at)).astimezone(ZoneInfo(zone)) for at in moments]
    is_hourly = len(moments) < 2 or min(_gaps(moments)) < ONE_DAY_MS * 0.9
    return [f"{at:%d %b %H:%M}" if is_hourly else f"{at:%d %b %Y}" for at in local]


def _gaps(moments: Sequence[int]) -> list[int]:
    return [later - earlier for earlier, later in pairwise(moments)]


def over_time(key: str, title: str, points: Sequence[Any], unit: str, zone: str) -> Chart:
    """One measure of a time series."""
    labels = time_labels([point.timestamp for point in points], zone)
    values = Series(title, [point.value for point in points])
    return Chart(key, title, "bar", unit, labels, [values])


def ranking(key: str, title: str, names: Sequence[str], values: Sequence[Decimal]) -> Chart:
    """USD by name, in the order given."""
    return Chart(key, title, "ranking", "USD", names, [Series(title, values)])


def charts(result: Any, shape: type, zone: str) -> list[Chart]:
    """The charts of every list in a result whose rows are slots of time."""
    if isinstance(result, list):
        return _of_rows("series", result, shape, zone)
    found: list[Chart] = []
    for name, annotation in get_type_hints(shape, include_extras=True).items():
        bare, value = bare_type(annotation), getattr(result, name)
        if is_dataclass(bare) and value is not None:
            found += charts(value, bare, zone)  # type: ignore[arg-type]  # is_dataclass keeps instances in
        elif isinstance(value, list) and is_dataclass(get_args(bare)[0]):
            found += _of_rows(name, value, get_args(bare)[0], zone)
    return found


def _of_rows(name: str, rows: Sequence[Any], shape: type, zone: str) -> list[Chart]:
    hints = get_type_hints(shape, include_extras=True)
    first, *others = [field.name for field in fields(shape)]
    rows = _forward(first, rows)
    labels = _labels(first, hints[first], rows, zone)
    if labels is None or not rows:
        return []
    units = {other: unit_of(hints[other]) for other in others}
    money = [[other] for other in others if units[other] in (MONEY, NUMBER, CREDITS)]
    counts = [other for other in others if units[other] is COUNT][:COUNTS_TOGETHER]
    return [
        _chart(f"{name}-{members[0]}", members, units[members[0]] or COUNT, labels, rows)
        for members in [*money, counts]
        if members
    ]


def _labels(name: str, annotation: Any, rows: Sequence[Any], zone: str) -> list[str] | None:
    """The labels of rows that are slots of time, None when they are something else."""
    values = [getattr(row, name) for row in rows]
    if unit_of(annotation) is EPOCH_MS:
        return time_labels(values, zone)
    if bare_type(annotation) in (date, datetime):
        return [f"{value:%d %b %Y}" for value in values]
    if name not in SLOTS:
        return None
    return [slot_label(value) for value in values]


def slot_label(value: int | str) -> str:
    """An hour of the day, or a text such as 2026-02-16T11:00:00Z without what all share."""
    if isinstance(value, int):
        return f"{value:02d}:00"
    day, _, time = value.partition("T")
    return f"{day} {time[:2]}:00" if time else day


def _forward(name: str, rows: Sequence[Any]) -> Sequence[Any]:
    """The last slots, from left to right as time goes; some lists begin with the newest."""
    if name in SLOTS and rows and getattr(rows[0], name) > getattr(rows[-1], name):
        rows = rows[::-1]
    return rows[-MOST_SLOTS:]


def _chart(
    key: str, members: Sequence[str], unit: Unit, labels: Sequence[str], rows: Sequence[Any]
) -> Chart:
    title = ", ".join(label(member) for member in members)
    drawn = [Series(label(member), [getattr(row, member) for row in rows]) for member in members]
    return Chart(key, title, "bar", unit.sign or unit.name, labels, drawn)
