"""Entries of the audit trail. Written by triggers (migration 0002) and for refusals only."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Action(models.TextChoices):
    """What was done, or tried."""

    INSERT = "insert", _("Created")
    UPDATE = "update", _("Changed")
    DELETE = "delete", _("Deleted")
    REFUSED = "refused", _("Refused")


class AuditEntry(models.Model):
    """One change of one record. Append-only; ids have no gaps, each entry seals the one before.

    `before` and `after` hold the members that differ (all of them for a record created or deleted);
    secrets stand as `(hidden)`. `hash` is SHA-256 over everything else and `previous`, the hash of
    the entry before.
    """

    id = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(_("at"))
    actor = models.CharField(
        _("actor"),
        max_length=200,
        db_collation="C",
        help_text=_("user:, token:, task: or command: and its name; database: a role by SQL."),
    )
    action = models.CharField(_("action"), max_length=8, choices=Action.choices)
    object_type = models.CharField(
        _("object type"),
        max_length=63,
        db_collation="C",
        help_text=_("The table; a path if refused."),
    )
    object_id = models.CharField(_("object id"), max_length=500, db_collation="C")
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    request_id = models.CharField(_("request id"), max_length=100, db_collation="C", blank=True)
    before = models.JSONField(_("before"), null=True)
    after = models.JSONField(_("after"), null=True)
    previous = models.BinaryField()
    hash = models.BinaryField()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["object_type", "object_id", "-id"], name="audit_by_object"),
            models.Index(fields=["actor", "-id"], name="audit_by_actor"),
            models.Index(fields=["at"], name="audit_by_time"),
            models.Index(fields=["request_id"], name="audit_by_request"),
        ]

    def __str__(self) -> str:
        """Who did what."""
        return f"{self.actor} {self.action} {self.object_type} {self.object_id}"
