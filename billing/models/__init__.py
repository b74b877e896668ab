"""The facts, one file per subject."""

from billing.models.events import Event, EventConflict, IngestReceipt, RejectedEvent
from billing.models.gateway_work import GatewayImport, KeyAction, PollGap, PollState
from billing.models.gateways import GatewayConfig, KeyGroup, ToolPrice
from billing.models.keys import ApiKey, CreditEntry, KeyNote, KeyVerification
from billing.models.payments import BatchPayment, Payment, SettlementBatch
from billing.models.registry import Asset, NativePrice, Network
from billing.models.revenue import RevenueRecord
from billing.models.second_factor import Authenticator, RecoveryCodes
from billing.models.sources import Source
from billing.models.tokens import AdminToken
from billing.models.usage import (
    GatewayAuditEvent,
    GatewayEvent,
    RequestLog,
    UsageEvent,
    UsageSighting,
    WebhookDelivery,
)

__all__ = [
    "AdminToken",
    "ApiKey",
    "Asset",
    "Authenticator",
    "BatchPayment",
    "CreditEntry",
    "Event",
    "EventConflict",
    "GatewayAuditEvent",
    "GatewayConfig",
    "GatewayEvent",
    "GatewayImport",
    "IngestReceipt",
    "KeyAction",
    "KeyGroup",
    "KeyNote",
    "KeyVerification",
    "NativePrice",
    "Network",
    "Payment",
    "PollGap",
    "PollState",
    "RecoveryCodes",
    "RejectedEvent",
    "RequestLog",
    "RevenueRecord",
    "SettlementBatch",
    "Source",
    "ToolPrice",
    "UsageEvent",
    "UsageSighting",
    "WebhookDelivery",
]
