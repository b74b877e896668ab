"""The facts and how they come in."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Sources, events, payments, revenue, tokens. Imports nothing from analytics."""

    name = "billing"
    verbose_name = "Billing"
