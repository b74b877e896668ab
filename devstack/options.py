"""The command line."""

import argparse
import os
from dataclasses import dataclass, field
from pathlib import Path

from devstack.console import UserError

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_DATA = ROOT / ".data"
USAGE = """\
usage: python3 dev.py up [--port 8000] [--data-dir .data] [--demo]
       python3 dev.py test [pytest arguments]
       python3 dev.py manage <command> [arguments] [--data-dir .data]"""


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    command: str
    port: int = 8000
    data_dir: Path = DEFAULT_DATA
    demo: bool = False
    rest: list[str] = field(default_factory=list)


def parse(argv: list[str]) -> Options:
    """Read the command line; a wrong one is a UserError that shows how it should be."""
    command, rest = (argv[0], argv[1:]) if argv else ("", [])
    if command == "up":
        return _parse_up(rest)
    if command == "test":
        return Options("test", rest=rest)
    if command == "manage":
        data_dir, rest = take_data_dir(rest)
        return Options("manage", data_dir=data_dir, rest=rest)
    raise UserError(USAGE)


def _parse_up(argv: list[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="dev.py up", description="Run the whole portal until Ctrl-C."
    )
    parser.add_argument(
        "--port", type=_port, default=8000, help="port of the web server (default 8000)"
    )
    parser.add_argument(
        "--data-dir", type=_absolute, default=DEFAULT_DATA, help="where everything is kept"
    )
    parser.add_argument(
        "--demo", action="store_true", help="fill in 90 days of made-up traffic and go on live"
    )
    found = parser.parse_args(argv)
    return Options("up", found.port, found.data_dir, found.demo)


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port < 65536:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return port


def _absolute(text: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(text)))


def take_data_dir(argv: list[str]) -> tuple[Path, list[str]]:
    """Take --data-dir out of the arguments, wherever it stands."""
    found, rest, words = DEFAULT_DATA, [], iter(argv)
    for word in words:
        if word == "--data-dir":
            value = next(words, None)
            if not value:
                raise UserError("--data-dir needs a directory\n" + USAGE)
            found = _absolute(value)
        elif word.startswith("--data-dir="):
            found = _absolute(word.partition("=")[2])
        else:
            rest.append(word)
    return found, rest
