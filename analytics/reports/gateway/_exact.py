"""Text of a query string that is compared as it is said."""

from typing import Any

from rest_framework import serializers


class ExactField(serializers.CharField):
    """Text whose spaces count: what the gateway compares, it does not trim."""

    def __init__(self, **options: Any) -> None:
        """A text of any length."""
        super().__init__(trim_whitespace=False, **options)
