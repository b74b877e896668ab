"""Objects whose members differ from row to row, from JSON text."""

from decimal import Decimal

import msgspec

from analytics.serializers import JsonObject

_decoder = msgspec.json.Decoder(dict, float_hook=Decimal)


def free_object(text: str) -> JsonObject:
    """The object in JSON text: members in their order, fractions digit by digit."""
    return JsonObject(_decoder.decode(text))


def optional_object(text: str | None) -> JsonObject | None:
    """The same where there may be none."""
    return None if text is None else free_object(text)
