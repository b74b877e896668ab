"""The command line."""

import socket
from pathlib import Path

import pytest

from devstack.commands import _pytest
from devstack.console import UserError
from devstack.options import DEFAULT_DATA, parse, take_data_dir
from devstack.up import check_port


@pytest.mark.parametrize(
    ("words", "data_dir", "rest"),
    [
        (["migrate"], DEFAULT_DATA, ["migrate"]),
        (["--data-dir", "/x", "migrate"], Path("/x"), ["migrate"]),
        (["migrate", "--data-dir=/x", "-v2"], Path("/x"), ["migrate", "-v2"]),
        (["report", "revenue", "--data-dir", "/x"], Path("/x"), ["report", "revenue"]),
    ],
)
def test_the_data_directory_may_stand_anywhere(
    words: list[str], data_dir: Path, rest: list[str]
) -> None:
    assert take_data_dir(words) == (data_dir, rest)


@pytest.mark.parametrize("words", [[], ["down"], ["manage", "migrate", "--data-dir"]])
def test_a_wrong_command_line_shows_the_right_one(words: list[str]) -> None:
    with pytest.raises(UserError, match=r"usage: python3 dev\.py up"):
        parse(words)


def test_a_port_in_use_is_a_plain_message() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port}: is in use by another program"):
            check_port(port)


def test_tests_run_in_parallel_unless_told_otherwise() -> None:
    assert _pytest(["-k", "x"])[3:] == ["-n", "2", "--dist", "loadgroup", "-k", "x"]
    assert _pytest(["-n0"])[3:] == ["-n0"]
    assert _pytest(["--pdb", "tests/x.py"])[3:] == ["--pdb", "tests/x.py"]
