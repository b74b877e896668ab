"""The audit trail. Knows nothing of what is audited but the names of its tables."""

from typing import Any

from celery.signals import task_postrun, task_prerun
from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _

from audit.trail import act_as, attributed


class AuditConfig(AppConfig):
    """Tells every connection and every task who acts."""

    name = "audit"
    verbose_name = _("Audit")

    def ready(self) -> None:
        """From the first connection on."""
        connection_created.connect(_attribute, dispatch_uid="audit")
        task_prerun.connect(_begin, dispatch_uid="audit")
        task_postrun.connect(_end, dispatch_uid="audit")


def _attribute(connection: Any, **_rest: Any) -> None:
    if attributed not in connection.execute_wrappers:
        connection.execute_wrappers.append(attributed)


def _begin(task: Any, **_rest: Any) -> None:
    act_as(f"task:{task.name}")


def _end(**_rest: Any) -> None:
    act_as("")
