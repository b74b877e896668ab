"""JSON in, with every digit kept."""

from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any

import msgspec
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from billing.api.bodies import MAX_BODY_BYTES, BodyTooLarge

_decoder = msgspec.json.Decoder(float_hook=Decimal)


class ExactJSONParser(BaseParser):
    """application/json whose numbers never pass through a float."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The body's value; ParseError when it is not JSON, BodyTooLarge when it is too long."""
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge
        try:
            return _decoder.decode(body)
        except (
            msgspec.DecodeError,
            UnicodeDecodeError,
            RecursionError,
            ArithmeticError,  # an exponent beyond what any decimal holds
        ) as error:
            raise ParseError(f"Not JSON: {error}") from error
