"""Running what the papers tell people to type."""

import json
import subprocess
from typing import Any


def said(command: list[str], environment: dict[str, str]) -> str:
    """What a command printed."""
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(command: list[str], environment: dict[str, str]) -> Any:
    """The same, as JSON."""
    return json.loads(said(command, environment))


def output(text: str, environment: dict[str, str]) -> str:
    """What a shell snippet printed."""
    return said(["bash", "-euc", text], environment)


def shell(text: str, environment: dict[str, str]) -> Any:
    """The same, as JSON."""
    return json.loads(output(text, environment))
