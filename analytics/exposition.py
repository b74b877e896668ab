"""Prometheus' text format 0.0.4, from samples that SQL makes, with counters that never fall."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.backends.utils import CursorWrapper

from billing.api.fields import exact_text

Sample = tuple[str, str, Decimal]


@dataclass(frozen=True)
class Family:
    """A metric: its series share type and help."""

    name: str
    type: str
    help: str

    @property
    def series(self) -> tuple[str, ...]:
        """Names of its series."""
        parts = ("", "_bucket", "_sum", "_count") if self.type == "histogram" else ("",)
        return tuple(self.name + part for part in parts)


# Wants `with ... found as (place, name, value, labels)` before it: keeps the highest value of every
# counter, one row a series in analytics_metriccounter, and shows no counter below it.
KEPT = """,
raised as (
    insert into analytics_metriccounter as kept (name, labels, value)
    select name, labels, value from found
    where name = any(%(counters)s) and value > 0 order by name, labels
    on conflict (name, labels) do update set value = excluded.value
    where kept.value < excluded.value
)
select f.name, f.labels, trim_scale(
    case when f.name = any(%(counters)s) then greatest(f.value, k.value) else f.value end)
from found f
left join analytics_metriccounter k on k.name = f.name and k.labels = f.labels
order by f.name, regexp_replace(f.labels, ',?le=.*', '') collate "C", f.place
"""


def label(name: str, sql: str) -> str:
    """SQL for a label in text form whose value is an SQL expression."""
    escaped = f"replace(replace(replace({sql}, '\\', '\\\\'), '\"', '\\\"'), chr(10), '\\n')"
    return f"format('{name}=\"%%s\"', {escaped})"


def shown(
    cursor: CursorWrapper, found: str, families: Iterable[Family], values: dict[str, Any]
) -> list[Sample]:
    """Samples as (name, labels in text form, value): one statement, one snapshot.

    `found` is SQL of constants, ending with the table expression found(place, name, value, labels).
    """
    counters = [name for f in families if f.type != "gauge" for name in f.series]
    cursor.execute(found + KEPT, {**values, "counters": counters})
    rows: list[Sample] = cursor.fetchall()
    return rows


def exposition(families: Iterable[Family], samples: Sequence[Sample]) -> str:
    """The text of these metrics."""
    return "".join(_family_text(family, samples) for family in families)


def _family_text(family: Family, samples: Sequence[Sample]) -> str:
    lines = [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.type}"]
    for name, labels, value in samples:
        if name in family.series:
            braces = f"{{{labels}}}" if labels else ""
            lines.append(f"{name}{braces} {exact_text(value)}")
    return "\n".join(lines) + "\n"
