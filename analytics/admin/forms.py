"""A report's parameters as a form, from the serializer that reads them."""

import re
from typing import Any

from django import forms
from rest_framework import serializers

from analytics.params import CommonParams, InstantField, NetworkField, ZoneField, zone_names
from analytics.serializers import params_serializer
from billing.models import Network, Source

Choices = list[tuple[str, str]]
CAPITAL = re.compile(r"(?=[A-Z])")
LABELS = {"tz": "Time zone", "as_of": "As of", "include_testnets": "Testnets"}


def zones() -> Choices:
    """Every IANA zone, UTC first."""
    return [("UTC", "UTC"), *((name, name) for name in sorted(zone_names() - {"UTC"}))]


def networks() -> Choices:
    """Every registered network by name."""
    known = Network.objects.filter(is_registered=True).order_by("name")
    return [("", "All networks"), *known.values_list("chain_id", "name")]


def sources() -> Choices:
    """Every source."""
    return [("", "All sources"), *((s, s) for s in Source.objects.values_list("slug", flat=True))]


def report_form(shape: type[CommonParams], query: Any) -> forms.Form:
    """The form of a report's parameters, filled from a query string."""
    form = forms.Form(data=None, auto_id="param_%s")
    for name, field in params_serializer(shape)().fields.items():
        form.fields[name] = _field(name, field)
        form.fields[name].label = LABELS.get(name) or _words(name)
        form.initial[name] = _given(name, field, query)
    return form


def _words(name: str) -> str:
    """A parameter's name as words, from snake_case or camelCase."""
    return CAPITAL.sub(" ", name).replace("_", " ").capitalize()


def _given(name: str, field: Any, query: Any) -> Any:
    default = "" if field.default is serializers.empty else field.default
    return query.get(name) or default


def _field(name: str, field: Any) -> forms.Field:
    choices = _choices(name, field)
    options: dict[str, Any] = {"required": False, "help_text": field.help_text}
    if choices is not None:
        return forms.ChoiceField(choices=choices, **options)
    if isinstance(field, serializers.IntegerField):
        options |= {"min_value": field.min_value, "max_value": field.max_value}
        return forms.IntegerField(**options)
    if isinstance(field, serializers.DateField):
        return forms.CharField(widget=forms.DateInput(attrs={"type": "date"}), **options)
    if isinstance(field, InstantField):
        attrs = {"placeholder": "2026-01-31T00:00"}
        return forms.CharField(widget=forms.TextInput(attrs=attrs), **options)
    return forms.CharField(**options)


def _choices(name: str, field: Any) -> Choices | None:
    if isinstance(field, ZoneField):
        return zones()
    if isinstance(field, NetworkField):
        return networks()
    if isinstance(field, serializers.BooleanField):
        return [("", "Left out"), ("true", "Included")]
    if isinstance(field, serializers.ChoiceField):
        return [(key, text) for key, text in field.choices.items()]
    return sources() if name == "source" else None
