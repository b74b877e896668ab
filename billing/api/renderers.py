"""JSON that keeps every digit."""

from collections.abc import Mapping
from typing import Any

import msgspec
from django.utils.functional import Promise
from rest_framework.renderers import BaseRenderer


def _encodable(value: Any) -> Any:
    if isinstance(value, (str, Promise)):  # DRF's error texts and lazy translations
        return str.__str__(value) if isinstance(value, str) else str(value)
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")


_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_encodable)


def exact_json(value: Any) -> bytes:
    """UTF-8 JSON: Decimals as exact numbers, datetimes as ISO 8601 with Z for UTC."""
    return _encoder.encode(value)


class ExactJSONRenderer(BaseRenderer):
    """application/json without a float in between; money fields are strings already."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The bytes; empty for an answer without a body."""
        return b"" if data is None else exact_json(data)
