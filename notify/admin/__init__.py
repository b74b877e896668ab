"""The pages of what is sent and to whom."""

from notify.admin import alerts, deliveries, endpoints, schedules

__all__ = ["alerts", "deliveries", "endpoints", "schedules"]
