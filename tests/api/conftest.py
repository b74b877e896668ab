"""Every test of the API has the database and an empty rate counter."""

import pytest
from django.core.cache import cache

from tests.api.callers import Caller, caller


@pytest.fixture(autouse=True)
def _counters(db: None) -> None:
    cache.clear()


@pytest.fixture
def viewer() -> Caller:
    """A client that reads everything."""
    return caller("viewer")


@pytest.fixture
def operator() -> Caller:
    """A client that manages records."""
    return caller("operator")


@pytest.fixture
def admin() -> Caller:
    """A client that may do everything, and post for every source."""
    return caller("admin", can_ingest=True)
