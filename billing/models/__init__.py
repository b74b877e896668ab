"""The facts, one file per subject."""

from billing.models.events import Event, EventConflict, IngestReceipt, RejectedEvent
from billing.models.payments import BatchPayment, Payment, SettlementBatch
from billing.models.registry import Asset, NativePrice, Network
from billing.models.revenue import RevenueRecord
from billing.models.sources import Source
from billing.models.tokens import AdminToken

__all__ = [
    "AdminToken",
    "Asset",
    "BatchPayment",
    "Event",
    "EventConflict",
    "IngestReceipt",
    "NativePrice",
    "Network",
    "Payment",
    "RejectedEvent",
    "RevenueRecord",
    "SettlementBatch",
    "Source",
]
