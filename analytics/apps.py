"""Everything derived from the facts."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """Rollups, reports and their faces. Never writes a fact."""

    name = "analytics"
    verbose_name = "Analytics"
