"""Dataclasses of parameters and results as DRF serializers: one mapping for JSON and OpenAPI."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from types import NoneType
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analytics.params import CommonParams, Parameter
from analytics.units import (
    ISO_MS,
    MONEY,
    NATIVE,
    is_omitted,
    iso_ms,
    json_number,
    money_text,
    unit_of,
)

P = TypeVar("P", bound=CommonParams)
AnyField = serializers.Field[Any, Any, Any, Any]
AnySerializer = serializers.Serializer[Any]


@extend_schema_field(
    {"type": "string", "format": "decimal", "pattern": r"^-?\d+\.\d{6,}$", "example": "12.340000"}
)
class MoneyField(serializers.Field[Decimal, str, str, Any]):
    """Money as text with every digit, at least six decimals."""

    def to_representation(self, value: Decimal) -> str:
        """12.34 is "12.340000"."""
        return money_text(value)


@extend_schema_field({"type": "number"})
class NumberField(serializers.Field[Decimal, str, int | Decimal, Any]):
    """A decimal as an exact JSON number."""

    def to_representation(self, value: Decimal) -> int | Decimal:
        """2.50 is 2.5 and 3.00 is 3."""
        return json_number(value)


@extend_schema_field({"type": "string", "format": "date-time"})
class IsoMsField(serializers.Field[datetime, str, str, Any]):
    """A moment with milliseconds."""

    def to_representation(self, value: datetime) -> str:
        """2026-02-16T12:00:30.000Z."""
        return iso_ms(value)


class JsonObject(dict[str, Any]):
    """An object whose members the report's description names; written as it is."""


PLAIN_FIELDS: dict[Any, type[AnyField]] = {
    str: serializers.CharField,
    bool: serializers.BooleanField,
    int: serializers.IntegerField,
    date: serializers.DateField,
    datetime: serializers.DateTimeField,
    Decimal: NumberField,
}


def camel(name: str) -> str:
    """snake_case as camelCase."""
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


_built: dict[Any, type[AnySerializer]] = {}  # one class for each shape: one OpenAPI component


def result_serializer(shape: type) -> type[AnySerializer]:
    """The serializer of a result dataclass; KeyError for a field type it does not know."""
    if shape not in _built:
        hints = get_type_hints(shape, include_extras=True)
        members: dict[str, Any] = {"__doc__": shape.__doc__}
        for field in fields(shape):
            members[camel(field.name)] = _member(field.name, hints[field.name])
        _built[shape] = type(f"{shape.__name__}Serializer", (serializers.Serializer,), members)
    return _built[shape]


def _member(name: str, annotation: Any) -> AnyField:
    options = {} if camel(name) == name else {"source": name}
    return result_field(annotation, **options)


def result_field(annotation: Any, **options: Any) -> AnyField:
    """The field that writes values of this type."""
    unit = unit_of(annotation)
    if unit is not None:
        options.setdefault("help_text", unit.description)
    if is_omitted(annotation):
        options["required"] = False
    elif _is_optional(annotation):
        options["allow_null"] = True
    bare = bare_type(annotation)
    if unit in (MONEY, NATIVE):
        return MoneyField(**options)
    if unit is ISO_MS:
        return IsoMsField(**options)
    if isinstance(bare, type) and is_dataclass(bare):
        return result_serializer(bare)(**options)
    return _composite(bare, options) or PLAIN_FIELDS[bare](**options)


def _composite(bare: Any, options: dict[str, Any]) -> AnyField | None:
    origin, args = get_origin(bare), get_args(bare)
    if origin is list and isinstance(args[0], type) and is_dataclass(args[0]):
        return result_serializer(args[0])(many=True, **options)
    if origin is list:
        return serializers.ListField(child=result_field(args[0]), **options)
    if origin is dict:
        return serializers.DictField(child=result_field(args[1]), **options)
    if bare is JsonObject:
        return serializers.JSONField(**options)
    if origin is Literal:
        return serializers.ChoiceField(choices=list(args), **options)
    return None


def bare_type(annotation: Any) -> Any:
    """The annotation without unit and without `| None`."""
    if get_origin(annotation) is Annotated:
        return bare_type(get_args(annotation)[0])
    options = [arg for arg in get_args(annotation) if arg is not NoneType]
    return bare_type(options[0]) if _is_optional(annotation) else annotation


def _is_optional(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        return _is_optional(get_args(annotation)[0])
    return get_origin(annotation) not in (list, dict, Literal) and NoneType in get_args(annotation)


def params_serializer(shape: type[CommonParams]) -> type[AnySerializer]:
    """The serializer that reads a report's parameters and describes them in OpenAPI and forms."""
    hints = get_type_hints(shape, include_extras=True)
    members: dict[str, Any] = {"__doc__": shape.__doc__}
    for field in fields(shape):
        parameter = parameter_of(hints[field.name])
        members[parameter.name or field.name] = _parameter_field(field, parameter)
    return type(f"{shape.__name__}Serializer", (serializers.Serializer,), members)


def parameter_of(annotation: Any) -> Parameter:
    """The parameter in an annotation; TypeError when the field has none."""
    for note in get_args(annotation)[1:]:
        if isinstance(note, Parameter):
            return note
    raise TypeError(f"{annotation} is not a report parameter")


def _parameter_field(field: "Field[Any]", parameter: Parameter) -> AnyField:
    options: dict[str, Any] = {"required": False, "help_text": parameter.help_text}
    if field.default not in (None, MISSING):
        options["default"] = field.default
    if parameter.name and parameter.name != field.name:
        options["source"] = field.name
    return parameter.field(**options)


def read_params(shape: type[P], query: Mapping[str, str]) -> P:
    """The parameters in a query string; unknown and empty ones are ignored.

    Raises ValidationError naming the parameter when a value is bad.
    """
    given = {name: value for name, value in query.items() if value != ""}
    serializer = params_serializer(shape)(data=given)
    serializer.is_valid(raise_exception=True)
    return _localised(shape(**serializer.validated_data))


def _localised(params: P) -> P:
    zone = ZoneInfo(params.tz)
    naive: dict[str, Any] = {
        field.name: value.replace(tzinfo=zone)
        for field in fields(params)
        if isinstance(value := getattr(params, field.name), datetime) and value.tzinfo is None
    }
    located = replace(params, **naive)
    located.check()
    return located
