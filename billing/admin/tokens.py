"""REST tokens: the secret is shown on one page, once."""

from ipaddress import ip_network
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone

from billing import tokens
from billing.admin import columns
from billing.admin.columns import column
from billing.admin.confirm import change_url, confirmation
from billing.admin.theme import ModelAdmin, action
from billing.models import AdminToken

STANDINGS = {"Active": "success", "Expired": "warning", "Revoked": "danger"}


def standing(token: Any) -> str:
    """Whether the token works."""
    if token.revoked_at is not None:
        return "Revoked"
    if token.expires_at is not None and token.expires_at <= timezone.now():
        return "Expired"
    return "Active"


def standing_column() -> columns.Column:
    """`standing` as a coloured label."""
    show = column("Standing", standing)
    show.label = STANDINGS  # type: ignore[attr-defined]  # how unfold colours a label
    return show


class TokenForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in the stubs
    """What a new token may do."""

    class Meta:
        model = AdminToken
        fields = ("name", "role", "can_ingest", "source", "allowed_networks", "expires_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """A line of networks is enough."""
        super().__init__(*args, **kwargs)
        if "allowed_networks" in self.fields:
            self.fields["allowed_networks"].widget.attrs["rows"] = 2
            self.fields["allowed_networks"].help_text = "CIDR, separated by commas; empty = any."

    def clean_allowed_networks(self) -> list[str]:
        """CIDR networks; a single address is a network of one."""
        networks: list[str] = self.cleaned_data["allowed_networks"]
        try:
            return [str(ip_network(text.strip(), strict=False)) for text in networks]
        except ValueError as error:
            raise ValidationError(f"Not a CIDR network: {error}") from error

    def clean(self) -> dict[str, Any] | None:
        """A token needs a role or the scope to post events."""
        given = super().clean() or self.cleaned_data
        if not given.get("role") and not given.get("can_ingest"):
            raise ValidationError("Choose a role, or allow it to post events.")
        return given


@admin.register(AdminToken)
class AdminTokenAdmin(ModelAdmin):
    """Tokens are issued and revoked; rights are never changed under a client's feet."""

    form = TokenForm
    actions_detail = ("revoke",)
    list_select_related = ("source",)
    search_fields = ("public_id", "name")
    list_display = ("name", "public", "standing", "rights", "limit", "last_used", "expires")
    fields = (("name", "role"), ("can_ingest", "source"), "allowed_networks", "expires_at")
    details = (
        ("name", "public", "standing"),
        ("rights", "limit", "networks"),
        ("created", "expires", "revoked", "last_used"),
    )
    standing = standing_column()
    public = columns.code("Public id", "public_id")
    limit = column("Limited to", lambda row: row.source.slug if row.source else "every source")
    networks = column("From", lambda row: ", ".join(row.allowed_networks) or "any address")
    created = columns.moment("Created", "created_at")
    expires = columns.moment("Expires", "expires_at")
    revoked = columns.moment("Revoked", "revoked_at")
    last_used = columns.moment("Last used", "last_used_at")
    rights = column(
        "May",
        lambda row: " + ".join(
            [row.role] * bool(row.role) + ["post events"] * bool(row.can_ingest)
        ),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The form of a new token, the record of an existing one."""
        return self.fields if obj is None else self.details

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """An existing token is only read."""
        return () if obj is None else [name for row in self.details for name in row]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Revoke it and issue another."""
        return False

    def has_revoke_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Who may change a token may revoke it."""
        return request.user.has_perm("billing.change_admintoken")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A revoked token stays for the record."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Issue it; the secret lives only until this answer is sent."""
        form.secret = tokens.issue(obj)
        request.issued_secret = form.secret  # type: ignore[attr-defined]  # read by response_add

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The only page that ever shows the secret."""
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Token issued",
            "token": obj,
            "secret": request.issued_secret,  # type: ignore[attr-defined]  # set by save_model
        }
        return TemplateResponse(request, "admin/billing/token_issued.html", context)

    @action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make the token useless, after asking."""
        token = get_object_or_404(AdminToken, pk=object_id)
        if request.method != "POST":
            explanation = f"Whoever uses {token} is refused from now on. This cannot be undone."
            return confirmation(self, request, token, "Revoke this token", explanation)
        tokens.revoke(token)
        self.log_change(request, token, "Revoked.")
        messages.success(request, f"{token} is revoked.")
        return HttpResponseRedirect(change_url(token))
