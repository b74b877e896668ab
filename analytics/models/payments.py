"""What is derived from the facts. Written by analytics.rollups and by triggers only.

The invariant of the whole: in every snapshot and for every bucket, either a stale mark for it (or
for a bucket inside it) exists, or its rollup rows equal the aggregate of its facts.
"""

from django.db import models
from django.db.models import F, Func
from django.db.models.fields.generated import GeneratedField
from django.db.models.functions import Now

from billing.fields import ExactField


class Grain(models.IntegerChoices):
    """Sizes of buckets; UTC."""

    QUARTER = 0, "15 minutes"
    HOUR = 1, "hour"
    DAY = 2, "day"


def _bin(width: str) -> GeneratedField:
    return GeneratedField(
        expression=Func(
            F("bucket"),
            template=(
                f"date_bin(interval '{width}', %(expressions)s,"
                " timestamptz '2000-01-01 00:00:00+00')"
            ),
        ),
        output_field=models.DateTimeField(),
        db_persist=True,
    )


class StaleMark(models.Model):
    """A bucket whose rollup may be stale. An append-only log, never unique: see docs/rollups.md."""

    id = models.BigAutoField(primary_key=True)
    grain = models.PositiveSmallIntegerField(choices=Grain.choices)
    bucket = models.DateTimeField()
    hour = _bin("1 hour")
    day = _bin("1 day")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-bucket"]
        indexes = [models.Index(fields=["bucket", "grain"], name="stale_mark_by_bucket")]

    def __str__(self) -> str:
        """Grain and bucket."""
        return f"{self.get_grain_display()} {self.bucket:%Y-%m-%d %H:%M}"


class Stat(models.Model):
    """Sums and counts of one bucket, source and network; averages and ratios are made at read.

    `started_*` and what follows up to the gas columns: payments by the time they started, as
    they stand now. The rest: payments by settlement time, money by its own time. USD unless said.
    """

    id = models.BigAutoField(primary_key=True)
    bucket = models.DateTimeField()
    source_id = models.BigIntegerField()
    network_id = models.CharField(max_length=64, db_collation="C")

    started = models.BigIntegerField()
    started_settled = models.BigIntegerField()
    started_failed = models.BigIntegerField()
    started_volume = ExactField()
    started_fees = ExactField()
    started_priced = models.BigIntegerField()
    started_unpriced = models.BigIntegerField()
    started_unpriced_fees = models.BigIntegerField()
    settlement_ms = ExactField()
    settlement_count = models.BigIntegerField()
    confirmation_ms = ExactField()
    confirmation_count = models.BigIntegerField()
    gas_native = ExactField()
    gas_count = models.BigIntegerField()
    gas_used = ExactField()
    gas_used_count = models.BigIntegerField()
    ms_le_100 = models.BigIntegerField()
    ms_le_500 = models.BigIntegerField()
    ms_le_1000 = models.BigIntegerField()
    ms_le_2000 = models.BigIntegerField()
    ms_le_5000 = models.BigIntegerField()
    ms_le_10000 = models.BigIntegerField()
    ms_le_30000 = models.BigIntegerField()
    ms_le_60000 = models.BigIntegerField()
    gas_le_21000 = models.BigIntegerField()
    gas_le_50000 = models.BigIntegerField()
    gas_le_100000 = models.BigIntegerField()
    gas_le_200000 = models.BigIntegerField()
    gas_le_500000 = models.BigIntegerField()
    gas_le_1000000 = models.BigIntegerField()

    settled = models.BigIntegerField()
    settled_volume = ExactField()
    settled_unpriced = models.BigIntegerField()
    settled_without_payer = models.BigIntegerField()
    settled_without_payee = models.BigIntegerField()
    facilitator_fees = ExactField()
    gas_sponsorship = ExactField()
    premium = ExactField()
    refunds = ExactField()
    reversals = ExactField()
    gas_costs = ExactField()
    unpriced_gas = models.BigIntegerField()
    unpriced_revenue = models.BigIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        """Bucket and network."""
        return f"{self.bucket:%Y-%m-%d %H:%M} {self.network_id}"


class QuarterHourStat(Stat):
    """The base grain: quarter hours, so that every time zone's days are sums of buckets."""

    class Meta:
        ordering = ["-bucket"]
        constraints = [
            models.UniqueConstraint(
                fields=["bucket", "source_id", "network_id"], name="quarter_hour_stat_once"
            )
        ]


class HourlyStat(Stat):
    """UTC hours, summed from quarter hours."""

    class Meta:
        ordering = ["-bucket"]
        constraints = [
            models.UniqueConstraint(
                fields=["bucket", "source_id", "network_id"], name="hourly_stat_once"
            )
        ]


class DailyStat(Stat):
    """UTC days, summed from hours."""

    class Meta:
        ordering = ["-bucket"]
        constraints = [
            models.UniqueConstraint(
                fields=["bucket", "source_id", "network_id"], name="daily_stat_once"
            )
        ]


class TopKind(models.TextChoices):
    """Whose totals are kept over all time."""

    PAYER = "payer", "Payer"
    PAYEE = "payee", "Payee"
    ROUTE = "route", "Route (payer to payee)"


class Running(models.Model):
    """Settled volume (USD) and payments of one payer, payee or route on one network."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=8, choices=TopKind.choices)
    source_id = models.BigIntegerField()
    network_id = models.CharField(max_length=64, db_collation="C")
    key1 = models.CharField(max_length=128, db_collation="C")
    key2 = models.CharField(max_length=128, db_collation="C", default="")
    volume = ExactField()
    payments = models.BigIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        """Kind and keys."""
        return f"{self.kind} {self.key1} {self.key2}".strip()


class RunningTotal(Running):
    """All-time totals as folded so far; add RunningDelta for the exact figure."""

    class Meta:
        ordering = ["kind", "-volume"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "key1", "key2", "source_id", "network_id"],
                name="running_total_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["kind", "source_id", "network_id", "-volume"], name="running_total_top"
            ),
            models.Index(
                fields=["key2"], name="running_total_route_payee", condition=models.Q(kind="route")
            ),
        ]


class RunningDelta(Running):
    """Changes not folded yet, written by triggers in the writer's own transaction; append-only."""

    class Meta:
        ordering = ["-id"]


class DailyUnique(models.Model):
    """Distinct payers and payees of a local day; never summed over days or networks.

    `scope`: ` main` = all networks in payment figures, ` all` = with testnets, else a network id
    (which never begins with a blank).
    """

    id = models.BigAutoField(primary_key=True)
    zone = models.CharField(max_length=64)
    day = models.DateField()
    source_id = models.BigIntegerField(null=True, help_text="Empty = all sources together.")
    scope = models.CharField(max_length=64, db_collation="C")
    payers = models.BigIntegerField()
    payees = models.BigIntegerField()

    class Meta:
        ordering = ["-day"]
        constraints = [
            models.UniqueConstraint(
                fields=["zone", "day", "source_id", "scope"],
                nulls_distinct=False,
                name="daily_unique_once",
            )
        ]

    def __str__(self) -> str:
        """Zone and day."""
        return f"{self.zone} {self.day}"


class StaleUnique(models.Model):
    """A local day whose unique counts may be stale; append-only, like StaleMark."""

    id = models.BigAutoField(primary_key=True)
    zone = models.CharField(max_length=64)
    day = models.DateField()

    class Meta:
        ordering = ["-day"]
        indexes = [models.Index(fields=["zone", "day"], name="stale_unique_by_day")]

    def __str__(self) -> str:
        """Zone and day."""
        return f"{self.zone} {self.day}"


class DailyHistogram(models.Model):
    """Counts of a UTC day's settled payments by size, in bins at most 1 % off; they add up.

    `bins` maps a bin's number to a count; analytics_bin() and analytics_bin_value() convert.
    """

    id = models.BigAutoField(primary_key=True)
    bucket = models.DateTimeField()
    source_id = models.BigIntegerField()
    network_id = models.CharField(max_length=64, db_collation="C")
    measure = models.CharField(max_length=16)
    bins = models.JSONField()

    class Meta:
        ordering = ["-bucket"]
        constraints = [
            models.UniqueConstraint(
                fields=["bucket", "source_id", "network_id", "measure"],
                name="daily_histogram_once",
            )
        ]

    def __str__(self) -> str:
        """Day and measure."""
        return f"{self.bucket:%Y-%m-%d} {self.measure}"


class RollupState(models.Model):
    """One row: up to when rollups were compared with raw facts, and what that found."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    verified_to = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    mismatches = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="rollup_state_is_one_row")
        ]

    def __str__(self) -> str:
        """Verified up to."""
        return f"verified to {self.verified_to}"


class MetricCounter(models.Model):
    """High-water mark of a Prometheus counter: a late correction must not read as a reset."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=100)
    labels = models.CharField(max_length=400, blank=True, default="")
    value = ExactField()

    class Meta:
        ordering = ["name", "labels"]
        constraints = [
            models.UniqueConstraint(fields=["name", "labels"], name="metric_counter_once")
        ]

    def __str__(self) -> str:
        """Name and labels."""
        return f"{self.name}{{{self.labels}}}"


class LiveConnection(models.Model):
    """An open WebSocket, kept alive by heartbeats; one not seen for 15 seconds does not count."""

    id = models.UUIDField(primary_key=True)
    process = models.CharField(max_length=100)
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-seen_at"]
        indexes = [models.Index(fields=["seen_at"], name="live_connection_by_seen")]

    def __str__(self) -> str:
        """Process and last heartbeat."""
        return f"{self.process} {self.seen_at}"


class Receipts(models.Model):
    """What became of the items that a source posted."""

    source_id = models.BigIntegerField()
    accepted = models.BigIntegerField()
    duplicate = models.BigIntegerField()
    conflict = models.BigIntegerField()
    rejected = models.BigIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        """The counts."""
        return f"{self.accepted}+{self.duplicate}+{self.conflict}+{self.rejected}"


class ReceiptTotal(Receipts):
    """All receipts of a source as folded so far; add ReceiptDelta for the exact figure."""

    id = models.BigAutoField(primary_key=True)

    class Meta:
        ordering = ["source_id"]
        constraints = [models.UniqueConstraint(fields=["source_id"], name="receipt_total_once")]


class ReceiptDelta(Receipts):
    """A receipt not folded yet, written by a trigger with it."""

    id = models.BigAutoField(primary_key=True)

    class Meta:
        ordering = ["-id"]
