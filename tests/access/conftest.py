"""Every test of access has the database and an empty rate counter."""

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def _counters(db: None) -> None:
    cache.clear()
