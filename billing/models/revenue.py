"""The money book."""

from django.db import models

from billing.fields import ExactField
from billing.models.payments import bucket_of
from billing.models.registry import UNKNOWN, Network
from billing.models.sources import Source


class RevenueKind(models.TextChoices):
    """Kinds of money: the first three are revenue, the others are negative rows beside it."""

    FACILITATOR_FEE = "facilitator_fee", "Facilitator fee"
    GAS_SPONSORSHIP = "gas_sponsorship", "Gas sponsorship"
    PREMIUM = "premium", "Premium feature"
    REFUND = "refund", "Refund"
    REVERSAL = "reversal", "Reversal"
    GAS = "gas", "Gas"


class RevenueRecord(models.Model):
    """One line of the money book.

    A *projection* (fee, gas, reversal, refund without an amount) is rewritten by triggers from
    its payment or batch, exactly one per kind; its history is the events. Every other row is an
    entry, append-only: a correction is a new row. Only where a row belongs, what an atomic amount
    is in tokens and what it is worth in USD follow the payment and the registry.
    """

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, related_name="revenue_records", db_index=False
    )
    kind = models.CharField(max_length=16, choices=RevenueKind.choices)
    is_projection = models.BooleanField(default=False)
    event_id = models.CharField(max_length=256, db_collation="C", null=True)  # noqa: DJ001 - null: a projection
    payment_id = models.CharField(max_length=300, db_collation="C", null=True, blank=True)  # noqa: DJ001 - null: none
    batch_id = models.CharField(max_length=256, db_collation="C", null=True, blank=True)  # noqa: DJ001 - null: none
    own_network = models.CharField(max_length=64, db_collation="C", null=True)  # noqa: DJ001 - null: its payment's
    own_asset = models.CharField(max_length=128, db_collation="C", null=True)  # noqa: DJ001 - null: a projection, or default
    network = models.ForeignKey(
        Network,
        on_delete=models.PROTECT,
        related_name="revenue_records",
        default=UNKNOWN,
        db_index=False,
    )
    asset = models.CharField(max_length=128, db_collation="C", null=True, blank=True)  # noqa: DJ001 - null: default
    amount = ExactField(null=True)
    amount_atomic = ExactField(
        null=True, editable=False, help_text="Set when an entry said only this: amount follows."
    )
    amount_usd = ExactField(null=True)
    at = models.DateTimeField()
    bucket = bucket_of("at")
    memo = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "payment_id", "kind"],
                condition=models.Q(is_projection=True, payment_id__isnull=False),
                name="revenue_projection_once",
            ),
            models.UniqueConstraint(
                fields=["source", "batch_id", "kind"],
                condition=models.Q(is_projection=True, batch_id__isnull=False),
                name="revenue_batch_projection_once",
            ),
            models.UniqueConstraint(
                fields=["source", "event_id"],
                condition=models.Q(is_projection=False),
                name="revenue_entry_once",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=RevenueKind.values), name="revenue_kind_known"
            ),
            models.CheckConstraint(
                condition=models.Q(is_projection=True) | models.Q(event_id__isnull=False),
                name="revenue_entry_has_event",
            ),
            models.CheckConstraint(
                condition=models.Q(amount__isnull=True)
                | models.Q(
                    kind__in=["facilitator_fee", "gas_sponsorship", "premium"], amount__gte=0
                )
                | models.Q(kind__in=["refund", "reversal", "gas"], amount__lte=0),
                name="revenue_amount_sign",
            ),
        ]
        indexes = [
            models.Index(fields=["at", "id"], name="revenue_by_time"),
            models.Index(
                fields=["source", "payment_id"],
                name="revenue_by_payment",
                condition=models.Q(payment_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        """Kind and amount."""
        return f"{self.kind} {self.amount}"
