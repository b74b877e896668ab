#!/usr/bin/env python3
"""Run PayGate portal on this machine; needs nothing installed but Python 3.11, 3.12 or 3.13.

python3 dev.py up [--port 8000] [--data-dir .data] [--demo]     everything, until Ctrl-C
python3 dev.py test [pytest arguments]                          the tests on a throwaway database
python3 dev.py manage <command> [arguments] [--data-dir .data]  a command on the same data
"""

import os
import shutil
import subprocess
import sys

SUPPORTED = ((3, 13), (3, 12), (3, 11))


def supported_python() -> str:
    """Return the path of a supported Python on PATH, or an empty string."""
    for major, minor in SUPPORTED:
        found = shutil.which("python%d.%d" % (major, minor))  # noqa: UP031 - must parse on any Python 3
        if found and subprocess.call([found, "-c", "import venv"], stderr=subprocess.DEVNULL) == 0:
            return found
    return ""


def main() -> int:
    """Make sure of the interpreter and of its packages, then run the command."""
    if os.name != "posix":
        print("dev.py runs on Linux and macOS; on Windows use it inside WSL.", file=sys.stderr)
        return 1
    if sys.version_info[:2] not in SUPPORTED:
        python = supported_python()
        if not python:
            print(
                "PayGate portal needs Python 3.11, 3.12 or 3.13, and none is on PATH.",
                file=sys.stderr,
            )
            return 1
        os.execv(python, [python, os.path.abspath(__file__)] + sys.argv[1:])  # noqa: RUF005 - as above
    from devstack.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
