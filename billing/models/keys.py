"""Consumer keys and their credits. The secret of a key is never stored."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Value
from django.db.models.functions import Coalesce, Left, Now, NullIf

from billing.fields import ExactField
from billing.models.sources import Source


class ApiKey(models.Model):
    """A consumer key: public prefix, mask and keyed digest; the secret itself is nowhere.

    A key of a gateway is its newest snapshot with later events and calls applied; billing_settle
    writes every column that events may change. A key issued here has a ledger: its credits are
    what the newest CreditEntry says, and the database refuses anything else.
    """

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, related_name="keys", db_index=False
    )
    is_issued_here = models.BooleanField(default=False, editable=False)
    prefix = models.CharField(max_length=10, db_collation="C", blank=True, default="")
    mask = models.CharField(max_length=32, db_collation="C", blank=True, default="")
    digest = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001 - null: secret unknown
    pepper_version = models.PositiveSmallIntegerField(default=1, editable=False)
    name = models.CharField(max_length=200, db_collation="C")
    alias = models.CharField(max_length=200, blank=True, default="")
    credits = ExactField(default=0)
    total_spent = ExactField(default=0)
    total_calls = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    active = models.BooleanField(default=True)
    suspended = models.BooleanField(default=False)
    spending_limit = ExactField(default=0, help_text="Credits in all; 0 = none.")
    allowed_tools = ArrayField(models.TextField(), default=list, blank=True)
    denied_tools = ArrayField(models.TextField(), default=list, blank=True)
    ip_allowlist = ArrayField(models.TextField(), default=list, blank=True)
    allowed_countries = ArrayField(models.TextField(), default=list, blank=True)
    denied_countries = ArrayField(models.TextField(), default=list, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    expires_text = models.CharField(
        max_length=64, blank=True, default="", editable=False, help_text="As the gateway wrote it."
    )
    quota = models.JSONField(null=True, blank=True)
    quota_daily_calls = models.BigIntegerField(default=0)
    quota_monthly_calls = models.BigIntegerField(default=0)
    quota_daily_credits = ExactField(default=0)
    quota_monthly_credits = ExactField(default=0)
    quota_day = models.CharField(max_length=10, blank=True, default="")
    quota_month = models.CharField(max_length=7, blank=True, default="")
    auto_topup = models.JSONField(null=True, blank=True)
    tags = models.JSONField(default=dict, blank=True)
    namespace = models.CharField(max_length=50, db_collation="C", default="default")
    group_id = models.CharField(max_length=64, db_collation="C", blank=True, default="")
    position = models.BigIntegerField(
        null=True, editable=False, help_text="Place among the gateway's keys, from its backup."
    )
    snapshot = models.JSONField(
        null=True, editable=False, help_text="The newest record the gateway gave, secrets removed."
    )
    snapshot_at = models.DateTimeField(null=True, editable=False)
    is_ambiguous = models.BooleanField(
        default=False, editable=False, help_text="Another key looks the same in what was received."
    )

    class Meta:
        verbose_name = "API key"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "digest"], name="key_digest_once"),
            models.UniqueConstraint(
                fields=["source", "mask"],
                condition=models.Q(digest=None) & ~models.Q(mask=""),
                name="masked_key_once",
            ),
            models.CheckConstraint(
                condition=~models.Q(is_issued_here=True) | models.Q(credits__gte=0),
                name="issued_key_never_below_zero",
            ),
            models.CheckConstraint(
                condition=~models.Q(is_issued_here=True) | models.Q(digest__isnull=False),
                name="issued_key_has_digest",
            ),
        ]
        indexes = [
            models.Index(fields=["source", "mask"], name="key_by_mask"),
            models.Index(fields=["source", "prefix"], name="key_by_prefix"),
            models.Index(
                "source",
                "name",
                Left(Coalesce(NullIf("prefix", Value("")), "mask"), 7),
                name="key_by_name_and_stem",
            ),
            models.Index(fields=["source", "position", "created_at", "id"], name="key_by_place"),
            models.Index(fields=["namespace", "-id"], name="key_by_namespace"),
            models.Index(fields=["group_id", "-id"], name="key_by_group"),
            models.Index(fields=["-id"], condition=models.Q(suspended=True), name="key_suspended"),
            models.Index(fields=["-id"], condition=models.Q(active=False), name="key_revoked"),
            models.Index(
                fields=["-id"], condition=models.Q(is_ambiguous=True), name="key_ambiguous"
            ),
            models.Index(
                fields=["-id"], condition=models.Q(is_issued_here=True), name="key_issued_here"
            ),
        ]

    def __str__(self) -> str:
        """Name and mask."""
        return f"{self.name} ({self.mask or self.prefix})"


class KeyNote(models.Model):
    """A remark about a key."""

    id = models.BigAutoField(primary_key=True)
    key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="notes")
    at = models.DateTimeField(db_default=Now())
    author = models.CharField(max_length=200, blank=True, default="")
    text = models.TextField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        """The beginning."""
        return self.text[:60]


class CreditKind(models.TextChoices):
    """Kinds of ledger entries."""

    GRANT = "grant", "Grant"
    TOPUP = "topup", "Top-up"
    TRANSFER_IN = "transfer_in", "Transfer in"
    TRANSFER_OUT = "transfer_out", "Transfer out"
    CHARGE = "charge", "Charge"
    REFUND = "refund", "Refund"
    ADJUST = "adjust", "Adjustment"
    EXPIRE = "expire", "Expiry"


class CreditEntry(models.Model):
    """One line of a key's credit ledger, append-only. `amount` is signed, in credits."""

    id = models.BigAutoField(primary_key=True)
    key = models.ForeignKey(
        ApiKey, on_delete=models.PROTECT, related_name="credit_entries", db_index=False
    )
    at = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=16, choices=CreditKind.choices)
    amount = ExactField()
    balance_before = ExactField()
    balance_after = ExactField()
    tool = models.CharField(max_length=1000, blank=True, default="")
    memo = models.CharField(max_length=500, blank=True, default="")
    actor = models.CharField(max_length=200, blank=True, default="")
    request_id = models.CharField(max_length=200, null=True)  # noqa: DJ001 - null: not idempotent

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["key", "request_id"], name="credit_request_once"),
            models.CheckConstraint(
                condition=models.Q(balance_after=models.F("balance_before") + models.F("amount")),
                name="credit_entry_adds_up",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=CreditKind.values), name="credit_kind_known"
            ),
        ]
        indexes = [models.Index(fields=["key", "-id"], name="credit_entry_by_key")]

    def __str__(self) -> str:
        """Kind and amount."""
        return f"{self.kind} {self.amount}"


class KeyVerification(models.Model):
    """A request to check and charge a call, by its id, with the answer it got.

    `fingerprint` is a hash of what it asked, the key by its digest: another question under the
    same id is refused. The answer is null only inside the transaction that decides it.
    """

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+", db_index=False)
    request_id = models.CharField(max_length=200, db_collation="C")
    fingerprint = models.BinaryField()
    answer = models.JSONField(null=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "request_id"], name="verification_once")
        ]

    def __str__(self) -> str:
        """The request id."""
        return self.request_id
