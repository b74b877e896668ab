"""What is sent, to whom, and what became of it."""

from notify.models.alerts import Alert, AlertRule, AlertState, Evaluation, MutingWindow
from notify.models.endpoints import Endpoint, EventType
from notify.models.messages import Attempt, Delivery, DeliveryState, Message, MessageFile
from notify.models.schedules import ReportSchedule

__all__ = [
    "Alert",
    "AlertRule",
    "AlertState",
    "Attempt",
    "Delivery",
    "DeliveryState",
    "Endpoint",
    "Evaluation",
    "EventType",
    "Message",
    "MessageFile",
    "MutingWindow",
    "ReportSchedule",
]
