"""The pages of what is sent and to whom."""

from notify.admin import deliveries, endpoints

__all__ = ["deliveries", "endpoints"]
