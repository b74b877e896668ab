"""Payments and the batches that settle many at once.

A payment row is a pure function of the set of its events. Each `*_stage` column holds the winner
of one stage as an array that begins with (time, event id), so that `least()` merges in any order,
any number of times. Every other column is derived from the stages by one SQL function,
billing_payment_facts(); nothing else may set them.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func
from django.db.models.fields.generated import GeneratedField

from billing.fields import ExactField
from billing.models.registry import UNKNOWN, Network
from billing.models.sources import Source


class Status(models.TextChoices):
    """States of a payment, weakest first; the strongest stage seen decides."""

    RECEIVED = "received", "Received"
    VERIFIED = "verified", "Verified"
    EXPIRED = "expired", "Expired"
    PENDING = "pending", "Pending"
    FAILED = "failed", "Failed"
    SETTLED = "settled", "Settled"
    REVERSED = "reversed", "Reversed"


OPEN_STATUSES = (Status.RECEIVED, Status.VERIFIED, Status.PENDING)


def bucket_of(column: str) -> GeneratedField:
    """A stored quarter-hour bucket of a time column; immutable, whatever the session's zone."""
    return GeneratedField(
        expression=Func(
            F(column),
            template=(
                "date_bin(interval '15 minutes', %(expressions)s,"
                " timestamptz '2000-01-01 00:00:00+00')"
            ),
        ),
        output_field=models.DateTimeField(null=True),
        db_persist=True,
    )


def stage_column() -> "ArrayField[list[str | None] | None, list[str | None] | None]":
    """The winning event of one stage: [time, event id, fields...] (billing.ingest.stages)."""
    return ArrayField(
        models.TextField(null=True, db_collation="C"),
        null=True,
        editable=False,
    )


class Payment(models.Model):
    """One payment of a source, all its stages.

    Amounts are in token units, `amount_atomic` and gas in atomic units, USD values null while
    unpriced. A row without a status was only named by a batch, a refund or a revenue record so
    far: it is in no list and no figure until an event of its own arrives.
    """

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, related_name="payments", db_index=False
    )
    payment_id = models.CharField(max_length=300, db_collation="C")
    status = models.CharField(max_length=8, choices=Status.choices, null=True)  # noqa: DJ001 - null: only named so far

    payer = models.CharField(max_length=128, db_collation="C", null=True)  # noqa: DJ001 - null: not known
    payee = models.CharField(max_length=128, db_collation="C", null=True)  # noqa: DJ001 - null: not known
    network = models.ForeignKey(
        Network,
        on_delete=models.PROTECT,
        related_name="payments",
        default=UNKNOWN,
        db_index=False,
    )
    asset = models.CharField(max_length=128, db_collation="C", null=True)  # noqa: DJ001 - null: network's default
    scheme = models.CharField(max_length=64, null=True)  # noqa: DJ001 - null: not known
    kind = models.CharField(max_length=16, default="charge")
    is_volume = models.BooleanField(default=True)
    resource = models.CharField(max_length=2048, null=True)  # noqa: DJ001 - null: not known
    amount = ExactField(null=True)
    authorized_amount = ExactField(null=True)
    settled_amount = ExactField(null=True)
    amount_atomic = ExactField(null=True)
    amount_usd = ExactField(null=True)
    fee = ExactField(null=True)
    fee_asset = models.CharField(max_length=128, db_collation="C", null=True)  # noqa: DJ001 - null: the payment's asset
    fee_usd = ExactField(null=True)
    transaction = models.CharField(max_length=128, db_collation="C", null=True)  # noqa: DJ001 - null: none
    gas_used = ExactField(null=True)
    own_gas_cost = ExactField(null=True)
    gas_share = ExactField(null=True, editable=False)
    gas_cost = ExactField(null=True)
    gas_usd = ExactField(null=True)
    settlement_ms = ExactField(null=True)
    confirmation_ms = ExactField(null=True)
    error_class = models.CharField(max_length=32, null=True)  # noqa: DJ001 - null: did not fail
    error = models.CharField(max_length=500, null=True)  # noqa: DJ001 - null: did not fail
    failed_stage = models.CharField(max_length=32, null=True)  # noqa: DJ001 - null: not known
    is_disputed = models.BooleanField(default=False)

    started_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    expired_at = models.DateTimeField(null=True)
    pending_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    reversed_at = models.DateTimeField(null=True)
    refunded_at = models.DateTimeField(null=True)
    valid_before = models.DateTimeField(null=True)
    reversal_amount = ExactField(null=True, editable=False)
    reversal_usd = ExactField(null=True, editable=False)
    started_bucket = bucket_of("started_at")
    settled_bucket = bucket_of("settled_at")

    received_stage = stage_column()
    verified_stage = stage_column()
    expired_stage = stage_column()
    pending_stage = stage_column()
    failed_stage_winner = stage_column()
    settled_stage = stage_column()
    reversed_stage = stage_column()
    refunded_stage = stage_column()
    settled_low = stage_column()
    settled_high = stage_column()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "payment_id"], name="payment_once"),
            models.CheckConstraint(
                condition=models.Q(status__in=Status.values) | models.Q(status__isnull=True),
                name="payment_status_known",
            ),
            models.CheckConstraint(
                condition=models.Q(status__isnull=True, started_at__isnull=True)
                | models.Q(status__isnull=False, started_at__isnull=False),
                name="payment_started_if_known",
            ),
            models.CheckConstraint(
                condition=models.Q(amount__isnull=True) | models.Q(amount__gte=0),
                name="payment_amount_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(fee__isnull=True) | models.Q(fee__gte=0),
                name="payment_fee_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(settlement_ms__isnull=True) | models.Q(settlement_ms__gte=0),
                name="payment_settlement_ms_not_negative",
            ),
        ]
        indexes = [
            models.Index(fields=["started_at", "id"], name="payment_by_start"),
            models.Index(fields=["settled_at", "id"], name="payment_by_settlement"),
            models.Index(fields=["payer", "settled_at"], name="payment_by_payer"),
            models.Index(fields=["payee", "settled_at"], name="payment_by_payee"),
            models.Index(
                fields=["transaction"],
                name="payment_by_transaction",
                condition=models.Q(transaction__isnull=False),
            ),
            models.Index(
                fields=["network", "started_at"],
                name="payment_open",
                condition=models.Q(status__in=["received", "verified", "pending"]),
            ),
            models.Index(
                fields=["-id"], name="payment_disputed", condition=models.Q(is_disputed=True)
            ),
        ]

    def __str__(self) -> str:
        """The payment id."""
        return self.payment_id


class SettlementBatch(models.Model):
    """One on-chain settlement of many payments. Its gas is split exactly over those it names."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="batches")
    batch_id = models.CharField(max_length=256, db_collation="C")
    network = models.ForeignKey(
        Network, on_delete=models.PROTECT, related_name="batches", default=UNKNOWN
    )
    transaction = models.CharField(max_length=128, db_collation="C", null=True)  # noqa: DJ001 - null: none
    settled_at = models.DateTimeField(null=True)
    payment_count = models.PositiveIntegerField(default=0)
    gas_used = ExactField(null=True)
    gas_cost = ExactField(null=True, help_text="Atomic units of the network's native coin.")
    gas_usd = ExactField(null=True)
    total_fees = ExactField(
        null=True, help_text="As claimed; only checked against the payments' fees."
    )
    settled_stage = stage_column()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "settlement batches"
        constraints = [models.UniqueConstraint(fields=["source", "batch_id"], name="batch_once")]
        indexes = [models.Index(fields=["settled_at", "id"], name="batch_by_settlement")]

    def __str__(self) -> str:
        """The batch id."""
        return self.batch_id


class BatchPayment(models.Model):
    """A payment that a batch names, and its exact share of the batch's gas."""

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(
        SettlementBatch, on_delete=models.PROTECT, related_name="shares", db_index=False
    )
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+", db_index=False)
    payment_id = models.CharField(max_length=300, db_collation="C")
    gas_share = ExactField(null=True)

    class Meta:
        ordering = ["batch_id", "payment_id"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "payment_id"], name="batch_payment_once")
        ]
        indexes = [models.Index(fields=["source", "payment_id"], name="batch_payment_by_payment")]

    def __str__(self) -> str:
        """The payment's id."""
        return self.payment_id
