"""What is sent, to whom, and what became of it."""

from notify.models.endpoints import Endpoint, EventType
from notify.models.messages import Attempt, Delivery, DeliveryState, Message, MessageFile

__all__ = [
    "Attempt",
    "Delivery",
    "DeliveryState",
    "Endpoint",
    "EventType",
    "Message",
    "MessageFile",
]
