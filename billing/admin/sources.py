"""Producers. Their secrets go in and never come out."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model
from django.http import HttpRequest

from billing.admin import columns
from billing.admin.columns import column
from billing.admin.theme import ModelAdmin, PasswordInput, Switch
from billing.models import Source
from billing.sources import adopt_admin_key


class SourceForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in the stubs
    """New secrets only; an empty field keeps the one there is."""

    new_signing_secret = forms.CharField(
        required=False,
        max_length=500,
        widget=PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Empty keeps the present one. The present one is then accepted as the previous.",
    )
    remove_previous_secret = forms.BooleanField(
        required=False,
        widget=Switch,
        help_text="Once every producer signs with the new one.",
    )
    remove_signing = forms.BooleanField(
        required=False,
        widget=Switch,
        help_text="Removes both secrets: events then need a token instead of a signature.",
    )
    new_admin_key = forms.CharField(
        required=False,
        max_length=500,
        widget=PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="The gateway's own admin key, for polling, and for its clients here: it becomes "
        "a viewer's token of this source. Empty keeps the present one.",
    )
    remove_admin_key = forms.BooleanField(
        required=False,
        widget=Switch,
        help_text="Ends polling, and the token that was made of the key.",
    )

    class Meta:
        model = Source
        fields = ("slug", "name", "kind", "base_url")

    def save(self, commit: bool = True) -> Any:
        """Rotate or remove the secrets as asked."""
        source = self.instance
        given = self.cleaned_data
        if given["remove_signing"]:
            source.signing_secret = source.previous_signing_secret = ""
        if given["new_signing_secret"]:
            source.previous_signing_secret = source.signing_secret
            source.signing_secret = given["new_signing_secret"]
        if given["remove_previous_secret"]:
            source.previous_signing_secret = ""
        if given["remove_admin_key"] or given["new_admin_key"]:
            source.admin_key = given["new_admin_key"]
        return super().save(commit)

    @property
    def is_key_written(self) -> bool:
        """Whether the admin key is set or removed."""
        return bool(self.cleaned_data["new_admin_key"] or self.cleaned_data["remove_admin_key"])


def presence(field: str) -> Any:
    """Whether a secret is set, never what it is."""
    return lambda row: "set" if getattr(row, field) else "not set"


@admin.register(Source)
class SourceAdmin(ModelAdmin):
    """Every fact names one of these."""

    form = SourceForm
    search_fields = ("slug", "name")
    list_display = ("slug", "name", "kind", "signing_shown", "previous_shown", "created")
    readonly_fields = ("signing_shown", "previous_shown", "admin_key_shown", "created")
    fieldsets = (
        (None, {"fields": (("slug", "name"), "kind")}),
        (
            "Signing",
            {
                "fields": (
                    ("signing_shown", "previous_shown"),
                    "new_signing_secret",
                    ("remove_previous_secret", "remove_signing"),
                )
            },
        ),
        (
            "Gateway",
            {"fields": ("base_url", ("admin_key_shown", "new_admin_key"), "remove_admin_key")},
        ),
    )
    signing_shown = column("Signing secret", presence("signing_secret"))
    previous_shown = column("Previous secret", presence("previous_signing_secret"))
    admin_key_shown = column("Admin key", presence("admin_key"))
    created = columns.moment("Created", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The slug is in every producer's address, so it is fixed."""
        fixed = ("slug", "kind") if obj is not None else ()
        return (*self.readonly_fields, *fixed)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """A gateway's admin key becomes the token of its clients."""
        super().save_model(request, obj, form, change)
        if form.is_key_written and not adopt_admin_key(obj):
            messages.warning(
                request,
                "The admin key is a token already, of other rights or another source: as such it "
                "stays. Clients that send it get what that token may read.",
            )

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Facts refer to it."""
        return False
