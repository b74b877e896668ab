"""The measures of a rollup row, as SQL lists. docs/rollups.md says what each one is."""

from django.db.models import BigIntegerField

from analytics.models import QuarterHourStat

_KEYS = {"id", "bucket", "source_id", "network_id"}
_FIELDS = [field for field in QuarterHourStat._meta.get_fields() if field.name not in _KEYS]

COUNTS = [field.name for field in _FIELDS if isinstance(field, BigIntegerField)]
SUMS = [field.name for field in _FIELDS if not isinstance(field, BigIntegerField)]
MEASURES = COUNTS + SUMS  # the order of analytics_facts() and analytics_stats()
LIST = ", ".join(MEASURES)
SUMMED = ", ".join(
    [f"sum(s.{name})::bigint" for name in COUNTS] + [f"sum(s.{name})" for name in SUMS]
)
