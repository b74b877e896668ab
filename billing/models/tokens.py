"""Tokens of REST clients."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from billing.models.sources import Source


class Role(models.TextChoices):
    """What a token or a member of staff may do; each role includes the ones before it."""

    VIEWER = "viewer", "Viewer: reads"
    FINANCE = "finance", "Finance: reads, exports, periods"
    SUPPORT = "support", "Support: finance, and keys"
    OPERATOR = "operator", "Operator: manages records"
    ADMIN = "admin", "Admin: tokens and sources"


ROLE_ORDER: dict[str, int] = {role: rank for rank, role in enumerate(Role.values)}


class AdminToken(models.Model):
    """A REST token: its secret is shown once; only a keyed digest (versioned pepper) is stored."""

    public_id = models.CharField(max_length=16, unique=True)
    name = models.CharField(max_length=200)
    digest = models.CharField(max_length=64, unique=True)
    pepper_version = models.PositiveSmallIntegerField(default=1)
    role = models.CharField(max_length=16, choices=Role.choices, blank=True, default="")
    can_ingest = models.BooleanField(
        default=False, help_text="Scope `ingest`: may post events, to its source only."
    )
    source = models.ForeignKey(
        Source,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="tokens",
        help_text="Limits what the token reads and writes; empty = every source.",
    )
    allowed_networks = ArrayField(
        models.CharField(max_length=64), default=list, blank=True, help_text="CIDR; empty = any."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role__in=["", *Role.values]), name="token_role_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(role="") | models.Q(can_ingest=True),
                name="token_may_do_something",
            ),
        ]

    def __str__(self) -> str:
        """Name and public id, never the secret."""
        return f"{self.name} ({self.public_id})"

    def has_role(self, role: str) -> bool:
        """Whether the token's role includes `role`."""
        return bool(self.role) and ROLE_ORDER[self.role] >= ROLE_ORDER[role]
