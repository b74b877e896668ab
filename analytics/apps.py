"""Everything derived from the facts."""

import gc

from django.apps import AppConfig

YOUNG = 50_000  # objects between two looks for circles of garbage; Python's own 700 is for scripts


class AnalyticsConfig(AppConfig):
    """Rollups, reports and their faces. Never writes a fact."""

    name = "analytics"
    verbose_name = "Analytics"

    def ready(self) -> None:
        """Look for garbage less often: a report's 100,000 rows are none, and looking doubles it."""
        gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
