"""What is known about chains and tokens; prices of native coins."""

from django.db import models
from django.db.models.functions import Now

from billing.fields import ExactField

UNKNOWN = "unknown"  # the network of a payment whose network no event has named yet


class Network(models.Model):
    """A chain by its CAIP-2 id. Unregistered ones and testnets stay out of payment figures."""

    chain_id = models.CharField(max_length=64, primary_key=True, db_collation="C")
    name = models.CharField(max_length=100)
    family = models.CharField(max_length=16)
    is_registered = models.BooleanField(default=False)
    is_testnet = models.BooleanField(default=False)
    native_symbol = models.CharField(max_length=16, blank=True, default="")
    native_decimals = models.PositiveSmallIntegerField(null=True, blank=True)
    explorer_url = models.URLField(
        max_length=300, blank=True, default="", help_text="With {tx} where the transaction goes."
    )
    default_asset = models.CharField(
        max_length=128, blank=True, default="", help_text="Asset of events that name none."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["chain_id"]

    def __str__(self) -> str:
        """The name."""
        return self.name

    def transaction_url(self, transaction: str | None) -> str:
        """The explorer's page of a transaction, or empty when there is none to link."""
        if not transaction or "{tx}" not in self.explorer_url:
            return ""
        return self.explorer_url.replace("{tx}", transaction)


class Asset(models.Model):
    """A token on a network. Without decimals and peg it is unpriced: out of USD sums, counted."""

    network = models.ForeignKey(Network, on_delete=models.PROTECT, related_name="assets")
    address = models.CharField(max_length=128, db_collation="C")
    symbol = models.CharField(max_length=32, blank=True, default="")
    decimals = models.PositiveSmallIntegerField(null=True, blank=True)
    usd_peg = ExactField(null=True, blank=True, help_text="USD per token; empty = unpriced.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["network_id", "address"]
        constraints = [
            models.UniqueConstraint(fields=["network", "address"], name="asset_once_per_network"),
            models.CheckConstraint(
                condition=models.Q(usd_peg__isnull=True) | models.Q(usd_peg__gt=0),
                name="asset_usd_peg_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(decimals__isnull=True) | models.Q(decimals__lte=77),
                name="asset_decimals_bounded",
            ),
        ]

    def __str__(self) -> str:
        """Symbol, else address."""
        return self.symbol or self.address


class NativePrice(models.Model):
    """USD per native coin from a moment on, entered by staff; it prices gas that has no price."""

    network = models.ForeignKey(Network, on_delete=models.PROTECT, related_name="native_prices")
    usd = ExactField()
    valid_from = models.DateTimeField()

    class Meta:
        ordering = ["network_id", "-valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["network", "valid_from"], name="native_price_once_per_moment"
            ),
            models.CheckConstraint(condition=models.Q(usd__gt=0), name="native_price_usd_positive"),
        ]

    def __str__(self) -> str:
        """Network and price."""
        return f"{self.network_id} {self.usd} USD"
