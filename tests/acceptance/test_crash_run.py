"""A short crash run: a stack of its own, killed part by part while it takes events in."""

import socket
from pathlib import Path

import pytest

from tests.acceptance import crash_run


@pytest.mark.slow
def test_what_was_acknowledged_survives_sigkill_and_nothing_is_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--port", f"{port}", "--data-dir", f"{tmp_path}", "--events", "6000"]
    code = crash_run.main([*options, "--kills", "5"])
    said = capsys.readouterr().out
    assert code == 0, said
    assert said.count("SIGKILL ") == 5, said
