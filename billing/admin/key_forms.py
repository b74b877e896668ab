"""The forms that ask before something is done to a key."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from billing.admin.confirm import ReasonForm
from billing.admin.theme import PasswordInput, TextInput
from billing.keys.values import (
    checked_namespace,
    checked_networks,
    checked_tags,
)
from billing.models import ApiKey, KeyGroup, Source
from billing.models.gateway_work import KeyActionKind

CREDITS: dict[str, Any] = {"max_digits": 24, "decimal_places": 9, "widget": TextInput}


def tags_from(text: str) -> dict[str, str]:
    """Tags from lines of name=value. ValidationError for a line that is none."""
    found = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, sign, value = line.partition("=")
        if not sign:
            raise ValidationError(f"Not name=value: {line[:60]}")
        found[name.strip()] = value.strip()
    try:
        return checked_tags(found)
    except ValueError as error:
        raise ValidationError(str(error)) from error


def tags_text(tags: dict[str, str]) -> str:
    """Lines of name=value."""
    return "\n".join(f"{name}={value}" for name, value in tags.items())


class ActForm(ReasonForm):
    """A reason, and for a gateway's key that key, where the portal cannot look it up."""

    def __init__(self, key: ApiKey, data: Any = None) -> None:
        """Only keys of gateways are asked for."""
        super().__init__(data)
        self.key = key
        if not key.is_issued_here:
            self.fields["secret"] = forms.CharField(
                required=False,
                label="The key in full",
                max_length=4_000,
                widget=PasswordInput(attrs={"autocomplete": "off"}),
                help_text="Only needed if the gateway does not let the portal export keys."
                " Sealed until the action is done, then erased.",
            )

    def params(self) -> dict[str, Any]:
        """What the action needs besides, as billing.keys.actions.Asked has it."""
        return {}


class TopupForm(ActForm):
    """Credits to add."""

    credits = forms.DecimalField(min_value=Decimal("0.000000001"), **CREDITS)
    field_order: Sequence[str] = ("credits", "reason")

    def params(self) -> dict[str, Any]:
        """The amount as text of all its digits."""
        return {"credits": f"{self.cleaned_data['credits'].normalize():f}"}


class TransferForm(TopupForm):
    """Credits to move, and the key they go to."""

    to = forms.CharField(
        label="Receiving key", widget=TextInput, help_text="Its mask (pg_1234...abcd) or its id."
    )
    field_order = ("to", "credits", "reason")

    def clean_to(self) -> int:
        """The id of the one key of the same source that is meant."""
        text = self.cleaned_data["to"].strip()
        rows = ApiKey.objects.filter(source=self.key.source_id).exclude(pk=self.key.pk)
        is_id = text.isascii() and text.isdecimal() and len(text) < 19
        found = list(rows.filter(**({"pk": text} if is_id else {"mask": text}))[:2])
        if len(found) != 1:
            raise ValidationError("No key of this source, or more than one, looks like that.")
        return found[0].pk

    def params(self) -> dict[str, Any]:
        """The amount and the receiver."""
        return {**super().params(), "to": self.cleaned_data["to"]}


class ExpiryForm(ActForm):
    """When the key expires."""

    expires_at = forms.DateTimeField(
        required=False,
        label="Expires (UTC)",
        widget=TextInput(attrs={"placeholder": "2030-01-31 12:00"}),
        help_text="Empty = never.",
    )
    field_order = ("expires_at", "reason")

    def params(self) -> dict[str, Any]:
        """ISO text or None."""
        moment = self.cleaned_data["expires_at"]
        return {"expires_at": moment.isoformat() if moment else None}


class GroupForm(ActForm):
    """The group the key is in."""

    group = forms.ChoiceField(required=False)
    field_order = ("group", "reason")

    def __init__(self, key: ApiKey, data: Any = None) -> None:
        """The groups of the key's source."""
        super().__init__(key, data)
        rows = KeyGroup.objects.filter(source=key.source_id, is_active=True).order_by("name")
        named = [(row.group_id, row.name) for row in rows]
        self.fields["group"] = forms.ChoiceField(
            choices=[("", "no group"), *named], required=False, initial=key.group_id
        )
        self.fields["group"].widget.attrs["class"] = "pg-select"
        self.order_fields(self.field_order)

    def params(self) -> dict[str, Any]:
        """Its id."""
        return {"group": self.cleaned_data["group"]}


class TagsForm(ActForm):
    """The tags, all of them."""

    tags = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "class": "pg-textarea"}),
        help_text="A line each: name=value.",
    )
    field_order = ("tags", "reason")

    def __init__(self, key: ApiKey, data: Any = None) -> None:
        """The present ones to begin with."""
        super().__init__(key, data)
        self.fields["tags"].initial = tags_text(key.tags)

    def clean_tags(self) -> dict[str, str | None]:
        """What is set, and null for what is there no more."""
        wanted = tags_from(self.cleaned_data["tags"])
        return {**dict.fromkeys(self.key.tags), **wanted}

    def params(self) -> dict[str, Any]:
        """The changes."""
        return {"tags": self.cleaned_data["tags"]}


FORMS: dict[str, type[ActForm]] = {
    KeyActionKind.TOPUP: TopupForm,
    KeyActionKind.TRANSFER: TransferForm,
    KeyActionKind.EXPIRY: ExpiryForm,
    KeyActionKind.GROUP: GroupForm,
    KeyActionKind.TAGS: TagsForm,
}


class NoteForm(forms.Form):
    """A remark."""

    text = forms.CharField(
        max_length=10_000, widget=forms.Textarea(attrs={"rows": 3, "class": "pg-textarea"})
    )


class FindForm(forms.Form):
    """A key in full, to be looked up by its digest."""

    key = forms.CharField(
        max_length=4_000,
        label="The key in full",
        widget=PasswordInput(attrs={"autocomplete": "off"}),
    )


class NewKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in the stubs
    """What a new key may do."""

    granted = forms.DecimalField(
        min_value=0, initial=0, label="Credits", help_text="Granted at once.", **CREDITS
    )
    tags = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "pg-textarea"}),
        help_text="A line each: name=value.",
    )

    class Meta:
        model = ApiKey
        fields = (
            *("source", "name", "namespace", "group_id", "spending_limit", "ip_allowlist"),
            *("allowed_tools", "denied_tools", "expires_at"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """It is issued by the portal, for the portal unless said otherwise."""
        super().__init__(*args, **kwargs)
        if "source" in self.fields:
            self.fields["source"].initial = Source.objects.filter(slug="default").first()
            self.fields["group_id"].help_text = "Id of a group of the source."
            for name in ("ip_allowlist", "allowed_tools", "denied_tools"):
                self.fields[name].widget.attrs["rows"] = 2
            self.fields["allowed_tools"].help_text = "Separated by commas; empty = any."
            self.fields["ip_allowlist"].help_text = "CIDR, separated by commas; empty = any."

    def clean_tags(self) -> dict[str, str]:
        """Names and texts."""
        return tags_from(self.cleaned_data["tags"])

    def clean_namespace(self) -> str:
        """a-z, 0-9 and -."""
        try:
            return checked_namespace(self.cleaned_data["namespace"])
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def clean_ip_allowlist(self) -> list[str]:
        """CIDR networks."""
        try:
            return checked_networks(self.cleaned_data["ip_allowlist"])
        except ValueError as error:
            raise ValidationError(f"Not a CIDR network: {error}") from error

    def clean(self) -> dict[str, Any]:
        """A group must be there."""
        given = super().clean() or self.cleaned_data
        group = given.get("group_id")
        rows = KeyGroup.objects.filter(source=given.get("source"), group_id=group)
        if group and not rows.exists():
            raise ValidationError({"group_id": "The source has no such group."})
        return given
