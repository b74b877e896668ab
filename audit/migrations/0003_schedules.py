"""Scheduled reports are audited too."""

from importlib import import_module

from django.db import migrations

triggers = import_module("audit.migrations.0002_trail").triggers
UNSEEN = "told_until,next_at,failures,error,paused_at"
TABLES = {"notify_reportschedule": UNSEEN, "notify_reportschedule_endpoints": ""}
DROP = "".join(
    f"drop trigger {table}{what} on {table};"
    for table in TABLES
    for what in ("_is_audited", "_change_is_audited", "_end_is_audited")
)


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_trail"), ("notify", "0005_schedules")]

    operations = [
        migrations.RunSQL([triggers(t, "", unseen, "") for t, unseen in TABLES.items()], [DROP])
    ]
