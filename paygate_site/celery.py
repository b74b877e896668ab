"""The Celery application; its schedule is CELERY_BEAT_SCHEDULE in settings."""

import os

from celery import Celery
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "paygate_site.settings")

app = Celery("paygate")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# lines of a task carry its id and that of the request behind it
app.steps["worker"].add(DjangoStructLogInitStep)
