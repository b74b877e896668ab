"""A page that asks before an action changes anything, with the form of what it needs."""

from typing import Any

from django import forms
from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from billing.admin.theme import TextInput


class ReasonForm(forms.Form):
    """Why something is done; kept with it."""

    reason = forms.CharField(max_length=400, widget=TextInput)


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
