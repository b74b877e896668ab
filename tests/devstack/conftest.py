"""Data directories for tests of the launcher; nothing here touches the database of the suite."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import embedded
from devstack.datadir import DataDir
from devstack.supervisor import Supervisor


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DataDir]:
    """A data directory in use by this process."""
    found = DataDir.open(tmp_path / "data")
    assert found.try_own()
    found.begin("test")
    yield found
    found.end()


@pytest.fixture
def supervisor(home: DataDir) -> Iterator[Supervisor]:
    """A supervisor whose processes are all stopped in the end."""
    found = Supervisor(home.note_processes)
    yield found
    embedded.stop(found)
    found.stop(deadline=1.0)
