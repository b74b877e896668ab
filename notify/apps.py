"""Telling people and programs: webhooks, alerts, scheduled reports."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NotifyConfig(AppConfig):
    """Reads reports and facts; never writes either. Nothing below imports it."""

    name = "notify"
    verbose_name = _("Notifications")
