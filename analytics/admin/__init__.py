"""Everything derived, in the admin: dashboard, report pages, rollup tables."""

from django.contrib import admin

from analytics.admin import rollups
from analytics.admin.boards import board_urls
from analytics.admin.reports import report_urls

admin.site.extra_urls = lambda: [*board_urls(), *report_urls()]  # type: ignore[attr-defined]  # the theme's hook for own pages

__all__ = ["rollups"]
