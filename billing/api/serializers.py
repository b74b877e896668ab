"""The shapes of the records: facts and the registry (tokens and sources: credentials.py)."""

from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse
from rest_framework import serializers

from billing.api.fields import ExactNumberField, ExactTextField, MoneyField
from billing.models import (
    Asset,
    BatchPayment,
    Event,
    EventConflict,
    NativePrice,
    Network,
    Payment,
    RejectedEvent,
    RevenueRecord,
    SettlementBatch,
)

Row = TypeVar("Row", bound=Model)
MAX_DECIMALS = 77  # of a uint256


class RowSerializer(serializers.ModelSerializer[Row]):
    """A row that shows its source by slug."""

    def build_relational_field(
        self, field_name: str, relation_info: Any
    ) -> tuple[type[serializers.Field[Any, Any, Any, Any]], dict[str, Any]]:
        """The slug instead of the key."""
        field, options = super().build_relational_field(field_name, relation_info)
        if field_name != "source":
            return field, options
        return serializers.SlugRelatedField, options | {"slug_field": "slug"}


def events_path(source: str, payment_id: str) -> str:
    """Where the events of a payment are listed."""
    query = urlencode({"source": source, "payment_id": payment_id})
    return f"{reverse('event-list')}?{query}"


class PaymentSerializer(RowSerializer[Payment]):
    """One payment: token amounts, USD values (null = unpriced), the time of each stage."""

    network = serializers.CharField(source="network_id", read_only=True)
    amount = MoneyField(read_only=True, help_text="Token units: settled if known, else authorised.")
    authorized_amount = MoneyField(read_only=True)
    settled_amount = MoneyField(read_only=True)
    amount_atomic = ExactTextField(read_only=True, help_text="Atomic units of the asset.")
    amount_usd = MoneyField(read_only=True, help_text="Null while the asset is unpriced.")
    fee = MoneyField(read_only=True, help_text="Token units of `fee_asset`.")
    fee_usd = MoneyField(read_only=True)
    gas_used = ExactTextField(read_only=True)
    gas_cost = ExactTextField(
        read_only=True, help_text="Atomic units of the network's native coin."
    )
    gas_usd = MoneyField(read_only=True)
    settlement_ms = ExactNumberField(read_only=True)
    confirmation_ms = ExactNumberField(read_only=True)
    events = serializers.SerializerMethodField(help_text="Where the payment's events are.")

    class Meta:
        model = Payment
        fields: tuple[str, ...] = (
            *("id", "payment_id", "source", "status", "payer", "payee", "network", "asset"),
            *("scheme", "kind", "is_volume", "resource"),
            *("amount", "authorized_amount", "settled_amount", "amount_atomic", "amount_usd"),
            *("fee", "fee_asset", "fee_usd", "transaction", "gas_used", "gas_cost", "gas_usd"),
            *("settlement_ms", "confirmation_ms", "error_class", "error", "failed_stage"),
            *("is_disputed", "started_at", "received_at", "verified_at", "expired_at"),
            *("pending_at", "failed_at", "settled_at", "reversed_at", "refunded_at"),
            *("valid_before", "events"),
        )

    def get_events(self, payment: Payment) -> str:
        """Path of the events."""
        return events_path(payment.source.slug, payment.payment_id)


class BatchPaymentSerializer(serializers.ModelSerializer[BatchPayment]):
    """A payment of a batch and its share of the batch's gas."""

    gas_share = ExactTextField(read_only=True)

    class Meta:
        model = BatchPayment
        fields: tuple[str, ...] = ("payment_id", "gas_share")


class BatchSerializer(RowSerializer[SettlementBatch]):
    """One settlement of many payments."""

    network = serializers.CharField(source="network_id", read_only=True)
    gas_used = ExactTextField(read_only=True)
    gas_cost = ExactTextField(
        read_only=True, help_text="Atomic units of the network's native coin."
    )
    gas_usd = MoneyField(read_only=True)
    total_fees = MoneyField(read_only=True, help_text="As claimed by the event; never revenue.")

    class Meta:
        model = SettlementBatch
        fields: tuple[str, ...] = (
            *("id", "batch_id", "source", "network", "transaction", "settled_at"),
            *("payment_count", "gas_used", "gas_cost", "gas_usd", "total_fees"),
        )


class BatchDetailSerializer(BatchSerializer):
    """A batch with the payments it names."""

    payments = BatchPaymentSerializer(source="shares", many=True, read_only=True)

    class Meta(BatchSerializer.Meta):
        fields: tuple[str, ...] = (*BatchSerializer.Meta.fields, "payments")


class RevenueRecordSerializer(RowSerializer[RevenueRecord]):
    """One line of the money book; refunds, reversals and gas are negative."""

    network = serializers.CharField(source="network_id", read_only=True)
    amount = MoneyField(read_only=True, help_text="Token units of `asset`.")
    amount_usd = MoneyField(read_only=True, help_text="Null while the asset is unpriced.")

    class Meta:
        model = RevenueRecord
        fields: tuple[str, ...] = (
            *("id", "source", "kind", "amount", "amount_usd", "asset", "network", "at"),
            *("payment_id", "batch_id", "event_id", "is_projection", "memo"),
        )


class EventSerializer(RowSerializer[Event]):
    """An event as it was received."""

    body = serializers.CharField(read_only=True, help_text="The event's text, verbatim.")

    class Meta:
        model = Event
        fields: tuple[str, ...] = (
            *("id", "source", "event_id", "type", "payment_id", "occurred_at", "received_at"),
            "body",
        )


class ConflictSerializer(RowSerializer[EventConflict]):
    """Another body that came under the id of a stored event."""

    class Meta:
        model = EventConflict
        fields: tuple[str, ...] = ("id", "source", "event_id", "received_at", "body")


class RejectedEventSerializer(RowSerializer[RejectedEvent]):
    """What could not be understood, and why."""

    body = serializers.SerializerMethodField(
        help_text="The text received; bytes that are not UTF-8 appear as U+FFFD."
    )

    class Meta:
        model = RejectedEvent
        fields: tuple[str, ...] = (
            *("id", "source", "code", "detail", "status", "times_seen", "received_at"),
            *("last_seen_at", "resolved_at", "resolution", "body"),
        )

    def get_body(self, rejected: RejectedEvent) -> str:
        """The text."""
        return rejected.text()


class ReasonSerializer(serializers.Serializer[None]):
    """Why somebody corrects something."""

    reason = serializers.CharField(max_length=500)


def positive(value: Decimal) -> None:
    """A price is more than nothing."""
    if value <= 0:
        raise serializers.ValidationError("Must be greater than 0.")


def decimals_field() -> serializers.IntegerField:
    """How many decimals a token or coin has; null = not known."""
    return serializers.IntegerField(
        min_value=0, max_value=MAX_DECIMALS, required=False, allow_null=True
    )


class NetworkSerializer(serializers.ModelSerializer[Network]):
    """A chain of the registry."""

    native_decimals = decimals_field()

    class Meta:
        model = Network
        fields: tuple[str, ...] = (
            *("chain_id", "name", "family", "is_registered", "is_testnet", "native_symbol"),
            *("native_decimals", "explorer_url", "default_asset", "created_at"),
        )
        read_only_fields = ("chain_id", "family", "is_registered", "created_at")


class AssetSerializer(serializers.ModelSerializer[Asset]):
    """A token of the registry; without decimals and peg it is unpriced."""

    network = serializers.SlugRelatedField(slug_field="chain_id", queryset=Network.objects.all())
    decimals = decimals_field()
    usd_peg = ExactTextField(
        required=False, allow_null=True, validators=[positive], help_text="USD per token."
    )
    is_priced = serializers.SerializerMethodField()

    class Meta:
        model = Asset
        fields: tuple[str, ...] = (
            *("id", "network", "address", "symbol", "decimals", "usd_peg", "is_priced"),
            "created_at",
        )
        validators: list[object] = []  # registering what exists already changes it

    def get_is_priced(self, asset: Asset) -> bool:
        """Whether amounts of it have a USD value."""
        return asset.decimals is not None and asset.usd_peg is not None


class AssetChangeSerializer(AssetSerializer):
    """What may change about an asset."""

    class Meta(AssetSerializer.Meta):
        fields: tuple[str, ...] = ("symbol", "decimals", "usd_peg")


class NativePriceSerializer(serializers.ModelSerializer[NativePrice]):
    """USD per native coin of a network from a moment on."""

    network = serializers.SlugRelatedField(slug_field="chain_id", queryset=Network.objects.all())
    usd = ExactTextField(validators=[positive])

    class Meta:
        model = NativePrice
        fields: tuple[str, ...] = ("id", "network", "usd", "valid_from")
        validators: list[object] = []  # entering a price of the same moment again corrects it
