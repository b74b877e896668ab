"""Producers of facts."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now

from billing.fields import SealedTextField

SLUG_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"
slug_validator = RegexValidator(
    SLUG_PATTERN, "Use 1 to 64 of a-z, 0-9, - and _, beginning with a letter or digit."
)


class SourceKind(models.TextChoices):
    """What kind of producer a source is."""

    FACILITATOR = "facilitator", "x402 facilitator"
    PAYGATE = "paygate", "MCP payment gateway"


class Source(models.Model):
    """A producer: every fact names its source. Secrets are sealed at rest, never shown."""

    slug = models.CharField(max_length=64, unique=True, validators=[slug_validator])
    name = models.CharField(max_length=200, blank=True)
    kind = models.CharField(
        max_length=16, choices=SourceKind.choices, default=SourceKind.FACILITATOR
    )
    signing_secret = SealedTextField(blank=True, default="")
    previous_signing_secret = SealedTextField(
        blank=True, default="", help_text="Still accepted while producers are moved to the new one."
    )
    base_url = models.URLField(max_length=500, blank=True, default="")
    admin_key = SealedTextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=SourceKind.values), name="source_kind_known"
            ),
            models.CheckConstraint(
                condition=models.Q(slug__regex=SLUG_PATTERN), name="source_slug_shape"
            ),
        ]

    def __str__(self) -> str:
        """The slug."""
        return self.slug

    def signing_secrets(self) -> list[str]:
        """The secrets a signature may be made with, newest first; empty when unsigned."""
        return [s for s in (self.signing_secret, self.previous_signing_secret) if s]
