"""Generated requests to everything the API document names, on a running portal.

    python -m tests.acceptance.fuzz --port 8765 --data-dir /tmp/fuzz

Starts its own stack with `dev.py up`, gives it payments, and lets schemathesis ask with and without
a token. No answer may be a server error. The data directory must be new.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.acceptance.delivery import deliver
from tests.acceptance.mixed_load import say
from tests.acceptance.stack import ROOT, Stack
from tests.acceptance.traffic import mixed

TOKEN = "acceptance-token-0123456789-0123456789"
EVENTS = 500
OWN_TOKEN = r"/tokens/\{"  # a run that revokes its own token would be refused from then on
UNLIMITED = {"PAYGATE_API_RATE": "1000000000/min", "PAYGATE_INGEST_RATE": "1000000000/min"}


def main(arguments: list[str] | None = None) -> int:
    """Run; 0 when no request was answered with a server error."""
    options = _options().parse_args(arguments)
    os.environ.update(UNLIMITED)  # too many requests is a right answer, and would be the only one
    stack = Stack(options.port, options.data_dir, TOKEN)
    say(f"starting a stack in {options.data_dir}")
    stack.start()
    try:
        traffic = mixed(EVENTS, options.seed, int(time.time() * 1000))
        deliver(traffic.lines, stack.url, TOKEN, seed=options.seed)
        stranger = _ask(stack, options.seed, options.seconds / 5, "coverage")
        known = _ask(stack, options.seed, options.seconds, "coverage,fuzzing", *_authorized())
        return stranger or known
    finally:
        stack.stop()


def _authorized() -> list[str]:
    return ["--header", f"Authorization: Bearer {TOKEN}", "--exclude-path-regex", OWN_TOKEN]


def _ask(stack: Stack, seed: int, seconds: float, phases: str, *more: str) -> int:
    """The exit code of schemathesis, which prints what it found and how to repeat it."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "run"]
    command += [str(ROOT / "docs" / "openapi.yaml")]
    command += ["--url", stack.url, "--checks", "not_a_server_error", "--phases", phases]
    command += ["--max-time", f"{seconds:.0f}", "--seed", f"{seed}", "--warnings", "off"]
    command += ["--continue-on-failure", "--generation-database", "none", *more]
    return subprocess.run(command, cwd=stack.data_dir, check=False).returncode


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=300.0, help="how long to ask")
    parser.add_argument("--seed", type=int, default=4)
    return parser


if __name__ == "__main__":
    sys.exit(main())
