"""Results as plain data. Lists may have a row for every key, so each shape is compiled once."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, get_args, get_origin, get_type_hints

from analytics.serializers import bare_type, camel, result_field
from analytics.units import is_omitted, unit_of

Writer = Callable[[Any], Any]


def to_data(result: Any) -> Any:
    """A result as plain data for JSON: dicts with camelCase names, lists of them for lists.

    What a single value is written as is said by the field that describes it in OpenAPI.
    """
    if isinstance(result, list):
        return [to_data(item) for item in result]
    return _compiled_writer(type(result))(result)


_compiled: dict[type, Writer] = {}


def _compiled_writer(shape: type) -> Writer:
    if shape not in _compiled:
        _compiled[shape] = _shape_writer(shape)
    return _compiled[shape]


def _shape_writer(shape: type) -> Writer:
    """Writes a dataclass: its fields in order, those that are left out when None left out."""
    hints = get_type_hints(shape, include_extras=True)
    plan = [
        (field.name, camel(field.name), _writer(hints[field.name]), is_omitted(hints[field.name]))
        for field in fields(shape)
    ]

    def write(item: Any) -> dict[str, Any]:
        data = {}
        for name, label, writer, leaves_out in plan:
            value = getattr(item, name)
            if value is not None:
                data[label] = writer(value) if writer else value
            elif not leaves_out:
                data[label] = None
        return data

    return write


def _writer(annotation: Any) -> Writer | None:
    """How values of this type are written; None for as they are."""
    bare = bare_type(annotation)
    origin, args = get_origin(bare), get_args(bare)
    if isinstance(bare, type) and is_dataclass(bare):
        return _compiled_writer(bare)
    if origin is list:
        return _list_writer(_writer(args[0]))
    if origin is dict:
        return _dict_writer(_writer(args[1]))
    if unit_of(annotation) is not None or bare in (Decimal, date, datetime):
        return None if bare is int else result_field(annotation).to_representation
    return None


def _list_writer(item: Writer | None) -> Writer | None:
    return (lambda values: [item(value) for value in values]) if item else None


def _dict_writer(item: Writer | None) -> Writer | None:
    return (lambda values: {name: item(each) for name, each in values.items()}) if item else None
