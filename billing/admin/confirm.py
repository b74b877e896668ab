"""A page that asks before an action changes anything, with the form of what it needs."""

from typing import Any

from django import forms
from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from audit.trail import because
from billing.admin.theme import TextInput
from billing.gateway.redact import redacted


class ReasonForm(forms.Form):
    """Why something is done; kept with it."""

    reason = forms.CharField(max_length=400, widget=TextInput)

    def clean_reason(self) -> str:
        """The reason, which the audit trail is told too, without a secret pasted into it."""
        reason: str = self.cleaned_data["reason"]
        because(redacted(reason))
        return reason


def confirmation(
    admin: "ModelAdmin[Any]",
    request: HttpRequest,
    row: Model,
    title: str,
    explanation: str,
    form: forms.Form | None = None,
) -> HttpResponse:
    """The page; its button posts to the same address."""
    context: dict[str, Any] = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "original": row,
        "title": title,
        "explanation": explanation,
        "form": form,
        "back": change_url(row),
    }
    return TemplateResponse(request, "admin/billing/confirm.html", context)


def change_url(row: Model) -> str:
    """The row's own page."""
    opts = row._meta
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[row.pk])
