"""The rollup tables as they are stored, to look into when a figure is doubted."""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Field, Model
from django.http import HttpRequest

from analytics import models
from analytics.admin.formats import label
from billing.admin import figures
from billing.admin.facts import ReadOnlyAdmin
from billing.admin.filters import PeriodFilter

STAT_COLUMNS = (
    "bucket",
    "network_id",
    "source_id",
    "started",
    "started_settled",
    "started_failed",
    "settled",
    "settled_volume",
    "facilitator_fees",
    "gas_sponsorship",
    "premium",
)


def stored(value: Any) -> str:
    """A stored value with all its digits."""
    if isinstance(value, datetime):
        return figures.moment(value)
    if isinstance(value, (Decimal, int)) and not isinstance(value, bool):
        return figures.exact(value)
    return figures.EMPTY if value is None or value == "" else str(value)


def stored_column(field: "Field[Any, Any]") -> Callable[[Any], str]:
    """A column that shows a field as stored."""

    def show(row: Any) -> str:
        return stored(getattr(row, field.attname))

    show.__name__ = field.attname
    show.short_description = label(field.name)  # type: ignore[attr-defined]  # its heading
    return show


class RollupAdmin(ReadOnlyAdmin):
    """Every column of a derived table; `shown` names those of the list (empty: all)."""

    shown: tuple[str, ...] = ()

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """The chosen columns."""
        return self._columns(self.shown or [f.attname for f in self._stored() if f.name != "id"])

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """All columns."""
        return self._columns(f.attname for f in self._stored())

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """All columns."""
        return self.get_fields(request, obj)

    def _stored(self) -> list["Field[Any, Any]"]:
        return list(self.opts.concrete_fields)

    def _columns(self, names: Iterable[str]) -> list[Any]:
        by_name = {field.attname: field for field in self._stored()}
        return [stored_column(by_name[name]) for name in names]


class StatAdmin(RollupAdmin):
    """Statistics of one grain, newest bucket first."""

    seek_time = "bucket"
    period_field = "bucket"
    list_filter = (PeriodFilter,)
    shown = STAT_COLUMNS


class SmallTableAdmin(RollupAdmin):
    """A table of a few rows, in its own order."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        """The ordinary list."""
        return super(ReadOnlyAdmin, self).get_changelist(request, **kwargs)


STATS: tuple[type[Model], ...] = (models.QuarterHourStat, models.HourlyStat, models.DailyStat)
LOGS: tuple[type[Model], ...] = (
    models.StaleMark,
    models.StaleUnique,
    models.RunningTotal,
    models.RunningDelta,
    models.DailyUnique,
    models.DailyHistogram,
)
SMALL: tuple[type[Model], ...] = (
    models.RollupState,
    models.MetricCounter,
    models.LiveConnection,
)
admin.site.register(STATS, StatAdmin)
admin.site.register(LOGS, RollupAdmin)
admin.site.register(SMALL, SmallTableAdmin)
