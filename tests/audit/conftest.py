"""Callers of the API."""

from tests.api.conftest import admin, operator, viewer

__all__ = ["admin", "operator", "viewer"]
